import { describe, expect, it } from 'vitest';

import { renewing, staticIdentity, type S3Identity } from '../../src/lib/s3-credentials.ts';
import { Secret } from '../../src/lib/secret.ts';
import { ManualClock } from '../support/clock.ts';

const minute = 60_000;

function issuer(clock: ManualClock, lifetimeMs: number | undefined) {
  const state = { issued: 0, failing: false };
  const load = async (): Promise<S3Identity> => {
    if (state.failing) throw new Error('no metadata service');
    state.issued += 1;
    const expiresMs = lifetimeMs === undefined ? undefined : clock.now() + lifetimeMs;
    return { accessKeyId: `key-${state.issued}`, secretAccessKey: 'x', expiresMs };
  };
  return { state, identity: renewing(load, clock) };
}

describe('an identity that ends', () => {
  it('is asked for once however many need it, and again before it ends', async () => {
    const clock = new ManualClock();
    const { state, identity } = issuer(clock, 60 * minute);
    await Promise.all(Array.from({ length: 20 }, identity));
    await clock.advance(47 * minute);
    expect((await identity()).accessKeyId).toBe('key-1');
    expect(state.issued).toBe(1);
    await clock.advance(12.5 * minute);
    const renewed = await Promise.all(Array.from({ length: 20 }, identity));
    expect(new Set(renewed.map(({ accessKeyId }) => accessKeyId))).toEqual(new Set(['key-2']));
    expect(state.issued).toBe(2);
  });

  it('goes on being used while its renewal fails, until it ends', async () => {
    const clock = new ManualClock();
    const { state, identity } = issuer(clock, 60 * minute);
    await identity();
    state.failing = true;
    await clock.advance(58 * minute);
    expect((await identity()).accessKeyId).toBe('key-1');
    await clock.advance(3 * minute);
    await expect(identity()).rejects.toMatchObject({ code: 'Credentials' });
    state.failing = false;
    await clock.advance(10_000);
    expect((await identity()).accessKeyId).toBe('key-2');
  });

  it('is kept for ever when it says no end', async () => {
    const clock = new ManualClock();
    const { state, identity } = issuer(clock, undefined);
    await identity();
    await clock.advance(100 * 24 * 60 * minute);
    await identity();
    expect(state.issued).toBe(1);
  });
});

describe('keys from the configuration', () => {
  it('are read anew each time, so that a changed file counts', async () => {
    let secret = 'one';
    const identity = staticIdentity('id', new Secret(async () => secret));
    expect((await identity()).secretAccessKey).toBe('one');
    secret = 'two';
    expect((await identity()).secretAccessKey).toBe('two');
  });

  it('that cannot be read are a failure, never an anonymous request', async () => {
    const identity = staticIdentity('id', new Secret(() => Promise.reject(new Error('gone'))));
    await expect(identity()).rejects.toMatchObject({ code: 'Credentials' });
  });
});
