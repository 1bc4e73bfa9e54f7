import { describe, expect, test } from 'vitest';

import { openEngine, pass, type TestRepository } from '../support/engine.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';

async function nexus(rules: TestRepository, versions: readonly string[]) {
  const upstream = new FakeUpstream();
  const archives = new Map<string, Buffer | undefined>();
  const publish = async (version: string) => {
    const provenance = signatureOf(version);
    archives.set(version, (await upstream.publish('demo', version, { provenance })).archive);
  };
  for (const version of versions) await publish(version);
  await upstream.publish('other', '0.1.0');
  const chartroom = await openEngine({ upstreams: { nexus: upstream }, repositories: { all: rules } });
  const sync = async () => {
    await chartroom.operator.sync('nexus');
    await pass(chartroom.clock, 20_000, 10_000);
  };
  await sync();
  return { upstream, chartroom, archives, publish, sync };
}

describe('a repository that lists the newest two of each chart', () => {
  test('lists those, of each chart, and has the others all the same: cold, warm and signed', async () => {
    const { chartroom, archives } = await nexus({ listNewest: 2 }, ['1.0.0', '1.1.0', '2.0.0']);

    expect(chartroom.versions('demo')).toEqual(['2.0.0', '1.1.0']);
    expect(chartroom.versions('other')).toEqual(['0.1.0']);
    for (const version of ['1.0.0', '1.0.0', '2.0.0']) {
      expect(await chartroom.archive('demo', version)).toEqual(archives.get(version));
      expect(await chartroom.provenance('demo', version)).toEqual(signatureOf(version));
    }
    const catalog = chartroom.reader.catalog('all');
    expect(catalog.decide('demo', '1.0.0').outcome).toBe('offered');
    expect([...catalog.listed('demo')].map(({ version }) => version.version)).toEqual(['2.0.0', '1.1.0']);
  });

  test('lists a newer one in place of the oldest, which can be had still', async () => {
    const { chartroom, archives, publish, sync } = await nexus({ listNewest: 2 }, ['1.0.0', '1.1.0']);
    await chartroom.archive('demo', '1.0.0');
    await publish('1.2.0-rc.1');
    await sync();

    expect(chartroom.versions('demo')).toEqual(['1.2.0-rc.1', '1.1.0']);
    expect(await chartroom.archive('demo', '1.0.0')).toEqual(archives.get('1.0.0'));
  });

  test.each<[string, TestRepository]>([
    ['denied', { deny: [{ text: 'demo@2', chart: 'demo', range: '>=2' }] }],
    ['left out by its range', { versions: [['demo', '<2']] }],
    ['a prerelease', { prereleases: false }],
  ])('does not count what is %s', async (_what, rules) => {
    const versions = ['1.0.0', '1.1.0', '2.0.0-rc.1', '2.0.1-rc.1'];
    const { chartroom } = await nexus({ listNewest: 2, ...rules }, versions);

    expect(chartroom.versions('demo')).toEqual(['1.1.0', '1.0.0']);
  });
});

function signatureOf(version: string): Buffer {
  return Buffer.from(`-----BEGIN PGP SIGNED MESSAGE-----\ndemo ${version}\n`);
}
