import { describe, expect, test } from 'vitest';

import type { MirrorPolicy } from '../../src/chart/survey.ts';
import { sync } from '../../src/commands/sync.ts';
import { openEngine, storeGone, watchedStore, type TestEngine } from '../support/engine.ts';
import { FakeUpstream, unreachable } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';

async function twoUpstreams() {
  const [nexus, ghcr] = [new FakeUpstream(), new FakeUpstream('registry')];
  await nexus.publish('demo', '1.0.0');
  await nexus.publish('demo', '1.1.0');
  await ghcr.publish('tagged', '0.1.0');
  const mirror: MirrorPolicy = 'all';
  const store = watchedStore();
  const chartroom = await openEngine({
    upstreams: { nexus: { upstream: nexus, mirror }, ghcr: { upstream: ghcr, type: 'registry', mirror } },
    store,
  });
  return { nexus, ghcr, store, chartroom };
}

async function runSync({ operator }: TestEngine, upstream?: string) {
  const lines: string[] = [];
  const exitCode = await sync({ upstream, operator, print: (line) => lines.push(line) });
  return { exitCode, lines };
}

describe('sync', () => {
  test('lists every upstream, fetches all that is wanted, says so, and succeeds', async () => {
    const { chartroom } = await twoUpstreams();

    expect(await runSync(chartroom)).toEqual({
      exitCode: 0,
      lines: [
        'nexus: 1 chart, 2 versions, 2 added.',
        'ghcr: 1 chart, 1 version, 1 added.',
        '3 archives fetched, 0 failed.',
      ],
    });
    expect(await runSync(chartroom)).toMatchObject({ exitCode: 0 });
  });

  test('syncs one upstream alone', async () => {
    const { chartroom, nexus } = await twoUpstreams();

    expect((await runSync(chartroom, 'ghcr')).lines).toEqual([
      'ghcr: 1 chart, 1 version, 1 added.',
      '1 archive fetched, 0 failed.',
    ]);
    expect(nexus.calls).toEqual([]);
  });

  test('does not know an upstream that is not configured', async () => {
    const { chartroom } = await twoUpstreams();
    expect(await faultOf(runSync(chartroom, 'nexsu'))).toMatchObject({
      code: 'not-found',
      advice: 'Configured are: nexus, ghcr.',
    });
  });

  test('fails when an upstream cannot be listed, and syncs the others', async () => {
    const { chartroom, nexus } = await twoUpstreams();
    nexus.down = unreachable();

    expect(await runSync(chartroom)).toEqual({
      exitCode: 1,
      lines: [
        'fake: no answer (connection refused). Check the address.',
        'ghcr: 1 chart, 1 version, 1 added.',
        '1 archive fetched, 0 failed.',
      ],
    });
  });

  test('fails when an archive does not come, and fetches the others', async () => {
    const { chartroom, nexus } = await twoUpstreams();
    nexus.before.open = (call) => {
      if (call.endsWith('archive demo-1.1.0')) throw unreachable();
    };

    const { exitCode, lines } = await runSync(chartroom);

    expect(exitCode).toBe(1);
    expect(lines.at(-1)).toBe('2 archives fetched, 1 failed.');
  });

  test('fails when the store takes nothing', async () => {
    const { chartroom, store } = await twoUpstreams();
    store.beforeWrite = (key) => {
      if (key.startsWith('blobs/')) storeGone();
    };

    expect((await runSync(chartroom, 'nexus')).exitCode).toBe(1);
  });
});
