import { describe, expect, test } from 'vitest';

import { Fault } from '../../src/chart/fault.ts';
import { sync, type SyncRound } from '../../src/commands/sync.ts';
import type { SyncReport } from '../../src/mirror/contract/operator.ts';
import { ManualClock } from '../support/clock.ts';
import { FakeMirror, upstreamStatus } from '../support/fake-mirror.ts';
import { faultOf } from '../support/http.ts';

const refused = new Fault('upstream-unreachable', 'nexus: no answer (connection refused).', 'Check the address.');

function reportOf(upstream: string, more: Partial<SyncReport> = {}): SyncReport {
  return {
    upstream,
    unchanged: false,
    charts: 1,
    versions: 2,
    added: 2,
    withdrawn: 0,
    rewritten: 0,
    changed: 0,
    rejected: {},
    durationMs: 12,
    ...more,
  };
}

/** A mirror with the upstreams `nexus` and `ghcr`, and a round that is begun with `run`. */
function twoUpstreams() {
  const mirror = new FakeMirror();
  mirror.upstreams = [upstreamStatus('nexus'), upstreamStatus('ghcr')];
  mirror.syncing = async (name) => reportOf(name);
  mirror.fills = { filled: 3, failed: 0, queued: 0 };
  const clock = new ManualClock();
  const stopping = new AbortController();
  /** Lines that were printed, and `~` and what was shown meanwhile; an empty one is a line taken away. */
  const seen: string[] = [];
  const run = async (more: Partial<SyncRound> = {}) => {
    const print = (line: string): void => void seen.push(line);
    const parts = { operator: mirror, filling: mirror, print, clock, signal: stopping.signal };
    const exitCode = await sync({ upstream: undefined, progress: undefined, ...parts, ...more });
    return { exitCode, lines: [...seen] };
  };
  const progress = { show: (text: string) => void seen.push(`~${text}`), clear: () => void seen.push('~') };
  return { mirror, clock, stopping, seen, run, progress };
}

describe('sync', () => {
  test('lists every upstream, fetches all that is wanted, says so, and succeeds', async () => {
    const { mirror, run } = twoUpstreams();

    expect(await run()).toEqual({
      exitCode: 0,
      lines: [
        'nexus: 1 chart, 2 versions, 2 added.',
        'ghcr: 1 chart, 2 versions, 2 added.',
        '3 archives fetched, 0 failed.',
      ],
    });
    expect(mirror.acceptedShrink ?? false).toBe(false);
  });

  test('says what was withdrawn, rewritten and changed, and nothing of what was not', async () => {
    const { mirror, run } = twoUpstreams();
    mirror.syncing = async (name) =>
      name === 'nexus'
        ? reportOf(name, { charts: 2, added: 0, withdrawn: 1, rewritten: 2, changed: 3 })
        : reportOf(name, { versions: 1, added: 0, unchanged: true });

    expect((await run()).lines.slice(0, 2)).toEqual([
      'nexus: 2 charts, 2 versions, 0 added, 1 withdrawn, 2 rewritten, 3 changed.',
      'ghcr: 1 chart, 1 version, unchanged.',
    ]);
  });

  test('syncs one upstream alone', async () => {
    const { mirror, run } = twoUpstreams();
    mirror.fills = { filled: 1, failed: 0, queued: 0 };

    expect((await run({ upstream: 'ghcr' })).lines).toEqual([
      'ghcr: 1 chart, 2 versions, 2 added.',
      '1 archive fetched, 0 failed.',
    ]);
    expect(mirror.asked.sync).toBe(1);
  });

  test('leaves a retired upstream alone, unless it is named', async () => {
    const { mirror, run } = twoUpstreams();
    mirror.upstreams = [upstreamStatus('nexus'), upstreamStatus('old', { schedule: 'retired' })];
    mirror.syncing = async (name) => {
      if (name === 'old') throw new Fault('listing-refused', 'old: is retired.', 'Take out retired.');
      return reportOf(name);
    };

    expect(await run()).toMatchObject({ exitCode: 0 });
    expect(mirror.asked.sync).toBe(1);
    const { exitCode, lines } = await run({ upstream: 'old' });
    expect(exitCode).toBe(1);
    expect(lines).toContain('old: is retired. Take out retired.');
  });

  test('does not know an upstream that is not configured', async () => {
    const { mirror, run } = twoUpstreams();

    expect(await faultOf(run({ upstream: 'nexsu' }))).toMatchObject({
      code: 'not-found',
      advice: 'Configured are: nexus, ghcr.',
    });
    expect(mirror.asked.sync).toBe(0);
  });

  test('fails when an upstream cannot be listed, and syncs the others', async () => {
    const { mirror, run } = twoUpstreams();
    mirror.syncing = async (name) => {
      if (name === 'nexus') throw refused;
      return reportOf(name);
    };

    expect(await run()).toEqual({
      exitCode: 1,
      lines: [
        'nexus: no answer (connection refused). Check the address.',
        'ghcr: 1 chart, 2 versions, 2 added.',
        '3 archives fetched, 0 failed.',
      ],
    });
  });

  test('fails when an archive does not come, and says which and why', async () => {
    const { mirror, run } = twoUpstreams();
    const fault = { code: 'upstream-failed', message: 'nexus: answered 500.', advice: 'Wait.' } as const;
    mirror.fills = { filled: 2, failed: 1, queued: 0 };
    mirror.failedVersions = [
      { chart: 'demo', version: '1.1.0', fault, attempts: 5, nextAttempt: '2026-01-01T01:00:00Z' },
    ];

    expect(await run({ upstream: 'nexus' })).toEqual({
      exitCode: 1,
      lines: [
        'nexus: 1 chart, 2 versions, 2 added.',
        'demo 1.1.0: nexus: answered 500. Wait.',
        '2 archives fetched, 1 failed.',
      ],
    });
  });

  test('fails with the fault of a store that takes nothing', async () => {
    const { mirror, run } = twoUpstreams();
    mirror.settling = Promise.reject(new Fault('store-failed', 'the store is gone', 'Bring it back.'));

    expect(await faultOf(run())).toMatchObject({ code: 'store-failed' });
  });
});

describe('progress', () => {
  test('is shown while it works, and taken away before anything else is said', async () => {
    const { mirror, clock, seen, run, progress } = twoUpstreams();
    const [listing, settling] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    mirror.fills = { filled: 0, failed: 0, queued: 0 };
    mirror.syncing = async (name) => {
      if (name === 'ghcr') await listing.promise;
      return reportOf(name);
    };
    mirror.settling = settling.promise;

    const round = run({ progress });
    await clock.advance(61_000);
    expect(seen[0]).toBe('~0 of 2 upstreams listed, 0 archives fetched, 0 queued, 0 failed, 0:00');
    expect(seen.at(-1)).toBe('~1 of 2 upstreams listed, 0 archives fetched, 0 queued, 0 failed, 1:01');

    seen.length = 0;
    listing.resolve();
    mirror.fills = { filled: 1, failed: 2, queued: 40 };
    await clock.advance(0);
    await clock.advance(9_000);
    expect(seen.slice(0, 4)).toEqual([
      '~',
      'nexus: 1 chart, 2 versions, 2 added.',
      '~',
      'ghcr: 1 chart, 2 versions, 2 added.',
    ]);
    expect(seen.at(-1)).toBe('~2 of 2 upstreams listed, 1 archive fetched, 40 queued, 2 failed, 1:10');

    seen.length = 0;
    mirror.fills = { filled: 41, failed: 2, queued: 0 };
    settling.resolve();
    expect(await round).toMatchObject({ exitCode: 1 });
    expect(seen).toEqual(['~', '41 archives fetched, 2 failed.', '~']);

    await clock.advance(10_000);
    expect(seen.at(-1)).toBe('~');
    expect(clock.sleeping).toBe(0);
  });

  test('is taken away when the round ends with a fault', async () => {
    const { seen, run, progress } = twoUpstreams();
    const settled = () => Promise.reject(new Fault('store-failed', 'the store is gone', 'Bring it back.'));
    const filling = { settled, progress: () => ({ filled: 0, failed: 0, queued: 0 }) };

    expect(await faultOf(run({ progress, filling }))).toMatchObject({ code: 'store-failed' });
    expect(seen.at(-1)).toBe('~');
  });
});

describe('a round that is asked to end', () => {
  test('waits for no listing, and says how far it came', async () => {
    const { mirror, clock, stopping, seen, run, progress } = twoUpstreams();
    mirror.syncing = () => new Promise(() => undefined);
    mirror.fills = { filled: 0, failed: 0, queued: 0 };
    const round = run({ progress });
    await clock.advance(400);

    stopping.abort();

    expect(await round).toMatchObject({ exitCode: 1 });
    expect(seen.filter((line) => !line.startsWith('~'))).toEqual([
      'Stopping; so far 0 archives fetched, 0 queued, 0 failed.',
    ]);
    expect(seen.at(-1)).toBe('~');
    expect(clock.sleeping).toBe(0);
  });

  test('waits for no archive, and says nothing of what fails because of that', async () => {
    const { mirror, stopping, run } = twoUpstreams();
    const settling = Promise.withResolvers<void>();
    mirror.settling = settling.promise;
    mirror.fills = { filled: 12, failed: 1, queued: 30 };
    const round = run();
    await new Promise((resolve) => setImmediate(resolve));

    stopping.abort();
    const { exitCode, lines } = await round;
    settling.reject(new Fault('unavailable', 'The server is stopping.', ''));
    await new Promise((resolve) => setImmediate(resolve));

    expect(exitCode).toBe(1);
    expect(lines).toEqual([
      'nexus: 1 chart, 2 versions, 2 added.',
      'ghcr: 1 chart, 2 versions, 2 added.',
      'Stopping; so far 12 archives fetched, 30 queued, 1 failed.',
    ]);
  });
});
