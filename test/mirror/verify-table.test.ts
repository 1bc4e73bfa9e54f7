import { beforeAll, describe, expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import type { MirrorPolicy } from '../../src/chart/survey.ts';
import type { VerifyMode } from '../../src/chart/verdict.ts';
import { openEngine, pass, type TestEngine } from '../support/engine.ts';
import { FakeUpstream, unreachable } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';
import { createSigner, edited, type Signer } from '../support/signer.ts';

type Provenance = 'missing' | 'by another key' | 'by an expired key' | 'edited';
type Kind = 'chart-repository' | 'registry';

const provenances: readonly Provenance[] = ['missing', 'by another key', 'by an expired key', 'edited'];
const modes = ['off', 'report', 'require'] as const;
const kinds: readonly Kind[] = ['chart-repository', 'registry'];

const reasons: Readonly<Record<Provenance, string>> = {
  missing: 'nexus has no provenance file for it',
  'by another key': 'no key of the keyring signed it',
  'by an expired key': 'expired',
  edited: 'signature',
};

let [trusted, stranger, former]: readonly Signer[] = [];

beforeAll(async () => {
  [trusted, stranger, former] = await Promise.all([
    createSigner('trusted'),
    createSigner('stranger'),
    createSigner('former', { expired: true }),
  ]);
});

async function provenanceOf(kind: Provenance, version: string, archive: Buffer): Promise<Buffer | undefined> {
  if (kind === 'missing') return undefined;
  const signer = { 'by another key': stranger, 'by an expired key': former, edited: trusted }[kind];
  const provenance = await signer?.sign('demo', version, archive);
  return kind === 'edited' ? provenance && edited(provenance) : provenance;
}

interface World {
  readonly chartroom: TestEngine;
  readonly upstream: FakeUpstream;
  /** What the bad version has. */
  readonly archive: Buffer;
  readonly provenance: Buffer | undefined;
}

interface Row {
  readonly provenance: Provenance;
  readonly mode: VerifyMode | 'off';
  readonly kind: Kind;
  readonly mirror: MirrorPolicy;
}

/** Versions 1.0.0, which is well signed, and 2.0.0, which is not. */
async function openWorld({ provenance: which, mode, kind, mirror }: Row): Promise<World> {
  const upstream = new FakeUpstream(kind);
  await publishSigned(upstream, '1.0.0', (archive) => trusted?.sign('demo', '1.0.0', archive));
  await publishSigned(upstream, '2.0.0', (archive) => provenanceOf(which, '2.0.0', archive));
  const { archive, provenance } = upstream.rows[1] ?? {};
  const keys = [trusted, former].flatMap((signer) => signer?.keyring.bytes ?? []);
  const verify = mode === 'off' ? undefined : { mode, keyring: { id: 'ours', bytes: Buffer.concat(keys) } };
  const chartroom = await openEngine({ upstreams: { nexus: { upstream, type: kind, mirror, verify } } });
  await chartroom.operator.sync('nexus');
  await chartroom.operator.settled();
  return { chartroom, upstream, archive: archive ?? Buffer.alloc(0), provenance };
}

async function publishSigned(
  upstream: FakeUpstream,
  version: string,
  sign: (archive: Buffer) => Promise<Buffer | undefined> | undefined,
): Promise<void> {
  const row = await upstream.publish('demo', version);
  const provenance = await sign(row.archive ?? Buffer.alloc(0));
  upstream.rows[upstream.rows.length - 1] = { ...row, provenance };
}

const tagOf = async ({ images }: TestEngine, tag: string) => images.tagged({ repository: 'all', chart: 'demo' }, tag);

describe.each(kinds)('of a %s, provenance that is', (kind) => {
  describe.each(provenances)('%s', (provenance) => {
    describe.each(modes)('with verify.mode %s', (mode) => {
      test.each(['all', 'requested'] as const)('and mirror %s', async (mirror) => {
        const world = await openWorld({ provenance, mode, kind, mirror });
        await (mode === 'require' ? isRefused(world, provenance) : isServed(world));
      });
    });
  });
});

async function isServed({ chartroom, archive, provenance }: World): Promise<void> {
  expect(await chartroom.archive('demo', '2.0.0')).toEqual(archive);
  expect(await chartroom.provenance('demo', '2.0.0')).toEqual(provenance);
  expect((await tagOf(chartroom, '2.0.0')).descriptor.digest).toMatch(/^sha256:/);
  await chartroom.operator.settled();
  expect(chartroom.versions('demo')).toEqual(['2.0.0', '1.0.0']);
}

async function isRefused({ chartroom, archive }: World, provenance: Provenance): Promise<void> {
  const refusals = [
    await faultOf(chartroom.archive('demo', '2.0.0')),
    await faultOf(chartroom.provenance('demo', '2.0.0')),
    await faultOf(tagOf(chartroom, '2.0.0')),
    await faultOf(chartroom.archive('demo', '2.0.0')),
  ];
  for (const { code, message } of refusals) {
    expect(code).toBe('provenance-invalid');
    expect(message).toContain(reasons[provenance]);
  }
  expect(await chartroom.archive('demo', '1.0.0')).not.toEqual(archive);
  await pass(chartroom.clock, 15_000, 5_000);
  expect(chartroom.versions('demo')).toEqual(['1.0.0']);
  const name = { repository: 'all', chart: 'demo' };
  expect(await chartroom.images.tags(name)).toEqual(['1.0.0']);
  for (const asking of [
    chartroom.archive('demo', '2.0.0'),
    chartroom.provenance('demo', '2.0.0'),
    tagOf(chartroom, '2.0.0'),
    (async () => chartroom.images.blob(name, digestOf(archive)))(),
  ]) {
    expect((await faultOf(asking)).code).toBe('provenance-invalid');
  }
}

test('upstream that does not say what the provenance is is the fault of that, not a refusal', async () => {
  const row = { provenance: 'missing', mode: 'require', kind: 'chart-repository', mirror: 'requested' } as const;
  const { chartroom, upstream } = await openWorld(row);
  upstream.before.open = (call) => {
    if (call.startsWith('open provenance')) throw unreachable();
  };
  expect((await faultOf(chartroom.archive('demo', '1.0.0'))).code).toBe('upstream-unreachable');
  upstream.before.open = () => {
    if (upstream.count('open provenance') > 0) throw unreachable({ timedOut: true });
  };
  expect(await faultOf(chartroom.provenance('demo', '1.0.0'))).toMatchObject({ timedOut: true });
  expect(chartroom.versions('demo')).toEqual(['2.0.0', '1.0.0']);
});
