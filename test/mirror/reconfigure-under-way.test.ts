import { describe, expect, test } from 'vitest';

import { Fault } from '../../src/chart/fault.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { pass, turn } from '../support/engine.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';
import { started, upstreamWith } from './started.ts';

const signed = Buffer.from('-----BEGIN PGP SIGNED MESSAGE-----\n');

/** Keeps an upstream from answering what it is asked next. */
function hold(upstream: FakeUpstream, method: 'list' | 'find' | 'describe' | 'open') {
  const gate = Promise.withResolvers<void>();
  upstream.before[method] = () => gate.promise;
  return () => {
    upstream.before[method] = undefined;
    gate.resolve();
  };
}

describe('what is under way at an upstream that is configured otherwise', () => {
  test('a download that a client waits for ends well, is kept, and is fetched once', async () => {
    const nexus = await upstreamWith('1.0.0');
    const chartroom = await started({ upstreams: { nexus } });
    const release = hold(nexus, 'open');
    const download = chartroom.archive('demo', '1.0.0');
    await turn();

    await chartroom.reconfigure({ upstreams: { nexus: { upstream: nexus, intervalMs: 60_000 } } });
    release();

    expect((await download).equals(nexus.rows[0]?.archive ?? Buffer.alloc(0))).toBe(true);
    await chartroom.archive('demo', '1.0.0');
    expect(nexus.count('open archive')).toBe(1);
    await pass(chartroom.clock, 11_000, 1_000);
    expect(chartroom.known('nexus').snapshot.find('demo', '1.0.0')).toBeDefined();
  });

  test('a new request does not wait for a download that was begun under earlier settings', async () => {
    const [broken, mended] = [await upstreamWith('1.0.0'), await upstreamWith('1.0.0')];
    const chartroom = await started({ upstreams: { nexus: broken } });
    hold(broken, 'open');
    const waiting = chartroom.archive('demo', '1.0.0');
    waiting.catch(() => undefined);
    await turn();

    await chartroom.reconfigure({ upstreams: { nexus: mended } });

    expect(await chartroom.archive('demo', '1.0.0')).toEqual(mended.rows[0]?.archive);
  });

  test('a listing of the earlier address is not committed under the new one', async () => {
    const [old, fresh] = [await upstreamWith('1.0.0'), await upstreamWith('1.0.0', '5.0.0')];
    const chartroom = await started({ upstreams: { nexus: { upstream: old, url: 'https://old.example' } } });
    const release = hold(old, 'list');
    await old.publish('demo', '6.6.6');
    const sync = chartroom.operator.sync('nexus');
    await turn();

    await chartroom.reconfigure({ upstreams: { nexus: { upstream: fresh, url: 'https://new.example' } } });
    release();
    // whoever asked gets the answer of the address that is configured by now
    expect(await sync).toMatchObject({ added: 1 });
    await pass(chartroom.clock, 1_000);

    expect(chartroom.versions('demo')).toEqual(['5.0.0', '1.0.0']);
    expect(chartroom.known('nexus').record.url).toBe('https://new.example');
  });

  test('one that is about to be committed is not, once another address took over', async () => {
    const [old, fresh] = [await upstreamWith('1.0.0'), await upstreamWith('1.0.0', '5.0.0')];
    const chartroom = await started({ upstreams: { nexus: { upstream: old, url: 'https://old.example' } } });
    const gates = { survey: Promise.withResolvers<void>(), reconcile: Promise.withResolvers<void>() };
    chartroom.beforeJob = async (job) => gates[job as keyof typeof gates]?.promise;
    const changed = chartroom.reconfigure({
      upstreams: { nexus: { upstream: fresh, url: 'https://new.example' } },
    });
    await turn();
    await old.publish('demo', '6.6.6');
    const sync = chartroom.operator.sync('nexus');
    await turn();
    gates.survey.resolve();
    await turn();
    gates.reconcile.resolve();
    await changed;
    await sync;
    expect(old.count('list')).toBe(2);
    expect(chartroom.versions('demo')).toEqual(['5.0.0', '1.0.0']);
  });

  test('the validator of one address is not shown to another', async () => {
    const [old, fresh] = [await upstreamWith('1.0.0'), await upstreamWith('1.0.0')];
    const chartroom = await started({ upstreams: { nexus: { upstream: old, url: 'https://old.example' } } });
    const seen: unknown[] = [];
    const list = fresh.list.bind(fresh);
    fresh.list = (validator) => {
      seen.push(validator);
      return list(validator);
    };
    await chartroom.reconfigure({ upstreams: { nexus: { upstream: fresh, url: 'https://new.example' } } });
    await pass(chartroom.clock, 1_000);
    await chartroom.operator.sync('nexus');
    expect(seen[0]).toBeUndefined();
    expect(seen[1]).toBeDefined();

    await chartroom.reconfigure({ upstreams: { nexus: { upstream: old, url: 'https://old.example' } } });
    await pass(chartroom.clock, 1_000);
    expect(old.count('list')).toBe(2);
  });

  test('a version that nobody lists yet and a client waits for is asked for under the new settings', async () => {
    const [old, fresh] = [await upstreamWith('1.0.0'), await upstreamWith('1.0.0', '2.0.0')];
    const chartroom = await started({ upstreams: { nexus: old } });
    await pass(chartroom.clock, 5_000);
    const release = hold(old, 'list');
    const download = chartroom.archive('demo', '2.0.0');
    await turn();

    await chartroom.reconfigure({ upstreams: { nexus: fresh } });
    release();
    await pass(chartroom.clock, 1_000);

    expect(await download).toEqual(fresh.rows[1]?.archive);
  });

  test('the same for a tag of a registry', async () => {
    const [old, fresh] = [new FakeUpstream('registry'), new FakeUpstream('registry')];
    for (const upstream of [old, fresh]) await upstream.publish('demo', '1.0.0');
    const row = await fresh.publish('demo', '2.0.0');
    fresh.rows = fresh.rows.filter(({ version }) => version !== '2.0.0');
    const settings = { type: 'registry', unlisted: true } as const;
    const chartroom = await started({ upstreams: { ghcr: { upstream: old, ...settings } } });
    await pass(chartroom.clock, 5_000);
    const release = hold(old, 'find');
    const download = chartroom.archive('demo', '2.0.0');
    await turn();

    await chartroom.reconfigure({ upstreams: { ghcr: { upstream: fresh, ...settings } } });
    await pass(chartroom.clock, 1_000);
    fresh.rows.push(row);
    release();
    await pass(chartroom.clock, 1_000);

    expect(await download).toEqual(row.archive);
  });

  test('provenance that a client waits for arrives', async () => {
    const nexus = new FakeUpstream();
    await nexus.publish('demo', '1.0.0', { provenance: signed });
    const chartroom = await started({ upstreams: { nexus } });
    await chartroom.archive('demo', '1.0.0');
    const release = hold(nexus, 'open');
    const download = chartroom.provenance('demo', '1.0.0');
    await turn();
    await chartroom.reconfigure({ upstreams: { nexus: { upstream: nexus, concurrency: 1 } } });
    release();
    expect(await download).toEqual(signed);
  });

  test('a download that ends when its upstream is retired is offered like all that is held', async () => {
    const nexus = await upstreamWith('1.0.0');
    const chartroom = await started({ upstreams: { nexus } });
    const release = hold(nexus, 'open');
    const download = chartroom.archive('demo', '1.0.0');
    download.catch(() => undefined);
    await turn();
    await chartroom.reconfigure({ upstreams: { nexus: { upstream: nexus, retired: true } } });
    expect(chartroom.versions('demo')).toEqual([]);
    release();
    await pass(chartroom.clock, 11_000, 1_000);
    expect(chartroom.versions('demo')).toEqual(['1.0.0']);
  });

  test('more may be asked at once, or less, from then on', async () => {
    const nexus = await upstreamWith(...Array.from({ length: 12 }, (_, at) => `1.${at}.0`));
    const chartroom = await started({ upstreams: { nexus: { upstream: nexus, concurrency: 1 } } });
    await chartroom.reconfigure({ upstreams: { nexus: { upstream: nexus, concurrency: 3 } } });
    const release = hold(nexus, 'open');
    const downloads = nexus.rows.map(({ version }) => chartroom.archive('demo', version));
    await turn();
    expect(nexus.count('open archive')).toBe(3);
    release();
    await Promise.all(downloads);
  });

  test('what failed is tried at once under the new settings, unless upstream said when', async () => {
    const [broken, mended] = [await upstreamWith('1.0.0'), await upstreamWith('1.0.0', '2.0.0')];
    const chartroom = await started({ upstreams: { nexus: broken } });
    broken.down = new Fault('unauthorized', 'nexus: refused these credentials (401).', 'Check auth.');
    await pass(chartroom.clock, 600_000, 10_000);
    expect(chartroom.status('nexus').state).toBe('failing');
    await chartroom.reconfigure({ upstreams: { nexus: mended } });
    await pass(chartroom.clock, 1_000);
    expect(chartroom.status('nexus').state).toBe('ok');
    expect(chartroom.versions('demo')).toContain('2.0.0');

    mended.down = new Fault('rate-limited', 'nexus: too many.', 'Wait.', { retryAfterMs: 600_000 });
    await faultOf(chartroom.operator.sync('nexus'));
    const asked = mended.count('list');
    await chartroom.reconfigure({ upstreams: { nexus: { upstream: mended, mirror: 'all' } } });
    await pass(chartroom.clock, 300_000, 10_000);
    expect(await faultOf(chartroom.archive('demo', '2.0.0'))).toMatchObject({ code: 'rate-limited' });
    expect([mended.count('list'), mended.count('open')]).toEqual([asked, 0]);
  });
});

describe('what is under way at an upstream that is not configured any more', () => {
  test('what was still being fetched is found when it is added back, also without asking it', async () => {
    const nexus = await upstreamWith('1.0.0');
    const other = await upstreamWith('9.0.0');
    const store = memoryStore();
    const chartroom = await started({ upstreams: { nexus, other }, store });
    const release = hold(nexus, 'open');
    const download = chartroom.archive('demo', '1.0.0');
    download.catch(() => undefined);
    await turn();

    await chartroom.reconfigure({ upstreams: { other } });
    release();
    await pass(chartroom.clock, 11_000, 1_000);
    const asked = nexus.calls.length;
    await chartroom.reconfigure({ upstreams: { nexus: { upstream: nexus, retired: true }, other } });

    expect(chartroom.versions('demo')).toEqual(['1.0.0']);
    expect(await chartroom.archive('demo', '1.0.0')).toEqual(nexus.rows[0]?.archive);
    expect(nexus.calls.length).toBe(asked);
  });

  test('what is fetched for it late takes nothing away from what was fetched since it was added back', async () => {
    const nexus = await upstreamWith('1.0.0', '2.0.0');
    const chartroom = await started({ upstreams: { nexus } });
    const gate = Promise.withResolvers<void>();
    nexus.before.open = (call) => (call.includes('1.0.0') ? gate.promise : undefined);
    chartroom.archive('demo', '1.0.0').catch(() => undefined);
    await turn();
    await chartroom.reconfigure({ upstreams: { other: new FakeUpstream() } });
    await chartroom.reconfigure({ upstreams: { nexus } });
    await chartroom.archive('demo', '2.0.0');
    await pass(chartroom.clock, 11_000, 1_000);
    gate.resolve();
    await pass(chartroom.clock, 11_000, 1_000);
    const { snapshot } = chartroom.known('nexus');
    expect(['1.0.0', '2.0.0'].map((version) => snapshot.find('demo', version)?.version)).toEqual(['1.0.0', '2.0.0']);
  });

  test('it is neither listed nor asked again, and everything it had is there when it is added back', async () => {
    const [nexus, other] = [await upstreamWith('1.0.0', '2.0.0'), await upstreamWith('9.0.0')];
    const chartroom = await started({ upstreams: { nexus: { upstream: nexus, mirror: 'all' }, other } });
    await pass(chartroom.clock, 15_000, 1_000);
    const index = chartroom.index;
    const asked = nexus.calls.length;

    await chartroom.reconfigure({ upstreams: { other } });
    expect(chartroom.index).not.toContain('demo-1.0.0');
    await pass(chartroom.clock, 300_000, 10_000);
    expect(nexus.calls.length).toBe(asked);
    await chartroom.reconfigure({ upstreams: { nexus: { upstream: nexus, mirror: 'all' }, other } });

    expect(chartroom.index).toBe(index);
    await chartroom.archive('demo', '1.0.0');
    expect(nexus.count('open archive')).toBe(2);
  });

  test('one that got another name begins anew, and the earlier one is left alone', async () => {
    const nexus = await upstreamWith('1.0.0');
    const chartroom = await started({ upstreams: { nexus } });
    const release = hold(nexus, 'list');
    const sync = faultOf(chartroom.operator.sync('nexus'));
    await turn();
    await chartroom.reconfigure({ upstreams: { artifactory: nexus } });
    release();
    expect(await sync).toMatchObject({ code: 'unavailable' });
    await pass(chartroom.clock, 1_000);
    expect(chartroom.versions('demo')).toEqual(['1.0.0']);
    expect(await faultOf(chartroom.operator.sync('nexus'))).toMatchObject({ code: 'not-found' });
  });
});
