import { describe, expect, test } from 'vitest';

import { memoryStore } from '../../src/store/memory.ts';
import { openEngine, pass, storeGone, TestEngine, turn, watchedStore } from '../support/engine.ts';
import { faultOf } from '../support/http.ts';
import { started, upstreamWith } from './started.ts';

describe('what does not change with a configuration', () => {
  test('an upstream that stays the same is asked for nothing because of it, and keeps its turn', async () => {
    const [nexus, other] = [await upstreamWith('1.0.0'), await upstreamWith('2.0.0')];
    const chartroom = await started({ upstreams: { nexus } });
    const [before] = chartroom.engine.known;
    const { settings } = chartroom.known('nexus');
    expect(nexus.count('list')).toBe(1);

    await chartroom.engine.reconfigure({
      upstreams: [settings],
      repositories: [{ ...chartroom.engine.repositories.find('all').settings, name: 'other' }],
    });
    await chartroom.reconfigure({ upstreams: { other } });
    await pass(chartroom.clock, 1_000);

    expect(nexus.count('list')).toBe(1);
    expect(other.count('list')).toBe(1);
    expect(chartroom.engine.known).not.toContain(before);
  });

  test('a repository that stays the same is not rendered anew, nor is its index another object', async () => {
    const nexus = await upstreamWith('1.0.0');
    const chartroom = await started({ upstreams: { nexus }, repositories: { one: {}, two: {} } });
    const { settings } = chartroom.known('nexus');
    const [one, two] = chartroom.engine.repositories.all.map((served) => served.settings);
    if (!one || !two) throw new Error('there are two');
    const rendered = chartroom.reader.rendering('one');
    const renders = () => chartroom.ran.filter((job) => job === 'render').length;
    const before = renders();

    await chartroom.engine.reconfigure({
      upstreams: [settings],
      repositories: [one, { ...two, rules: { ...two.rules, charts: ['other'] } }],
    });

    expect(chartroom.reader.rendering('one')).toBe(rendered);
    expect(renders()).toBe(before + 1);
  });
});

describe('a configuration that takes the place of another', () => {
  test('is served from one moment to the next: until all of it is ready the other one is', async () => {
    const latch = Promise.withResolvers<void>();
    const nexus = await upstreamWith('1.0.0', '2.0.0');
    const chartroom = await started({ upstreams: { nexus } });
    const index = chartroom.index;
    const { jobs } = holdJobs(chartroom, 'render', latch.promise);

    const changed = chartroom.reconfigure({ upstreams: { nexus: { upstream: nexus, charts: ['!demo', '*'] } } });
    await turn();
    expect(jobs()).toBe(1);
    expect(chartroom.index).toBe(index);
    await expect(chartroom.archive('demo', '2.0.0')).resolves.toBeDefined();

    latch.resolve();
    await changed;
    expect(chartroom.versions('demo')).toEqual([]);
    expect(await faultOf(chartroom.archive('demo', '2.0.0'))).toMatchObject({ code: 'not-found' });
  });

  test('shows nobody less than was served while it was made ready', async () => {
    const latch = Promise.withResolvers<void>();
    const nexus = await upstreamWith('1.0.0');
    const other = await upstreamWith('9.0.0');
    const repositories = { all: { root: true }, few: { upstreams: ['nexus'] } };
    const chartroom = await started({ upstreams: { nexus, other }, repositories });
    let renders = 0;
    // the first is finished already when something is committed
    chartroom.beforeJob = (job) => (job === 'render' && (renders += 1) === 2 ? latch.promise : Promise.resolve());

    const changed = chartroom.reconfigure({
      upstreams: { nexus, other },
      repositories: { all: { root: true, prereleases: false }, few: { upstreams: ['nexus'], charts: ['demo'] } },
    });
    await turn();
    expect(renders).toBe(2);
    await nexus.publish('demo', '2.0.0');
    await chartroom.operator.sync('nexus');
    expect(chartroom.versions('demo')).toContain('2.0.0');
    latch.resolve();
    await changed;

    expect(chartroom.versions('demo')).toContain('2.0.0');
  });

  test('of two that come at once the later one holds in the end', async () => {
    const [one, two] = [await upstreamWith('1.0.0'), await upstreamWith('2.0.0')];
    const chartroom = await started({ upstreams: { one } });
    const first = chartroom.reconfigure({ upstreams: { two } });
    const second = chartroom.reconfigure({ upstreams: { one, two } });
    await Promise.all([first, second]);
    expect(chartroom.engine.known.map(({ name }) => name)).toEqual(['one', 'two']);
    await pass(chartroom.clock, 1_000);
    expect(chartroom.versions('demo')).toEqual(['1.0.0']);
  });

  test('before the store answers it is the one that is opened', async () => {
    const store = watchedStore(memoryStore());
    store.beforeRead = storeGone;
    const [one, two] = [await upstreamWith('1.0.0'), await upstreamWith('2.0.0')];
    const chartroom = new TestEngine({ upstreams: { one }, store });
    const opening = chartroom.engine.openPatiently().then(() => chartroom.engine.start());
    await turn();

    await chartroom.reconfigure({ upstreams: { two } });
    store.beforeRead = undefined;
    await pass(chartroom.clock, 5_000);
    await opening;
    await pass(chartroom.clock, 1_000);

    expect(chartroom.versions('demo')).toEqual(['2.0.0']);
    expect(one.calls).toEqual([]);
  });
});

describe('an upstream that is taken out', () => {
  test('leaves memory, too: what the store has of it is read again when it comes back', async () => {
    const store = watchedStore(memoryStore());
    const [one, two] = [await upstreamWith('1.0.0'), await upstreamWith('2.0.0')];
    const chartroom = await started({ upstreams: { one, two }, store });
    const read: string[] = [];
    store.beforeRead = (key) => void read.push(key);

    await chartroom.reconfigure({ upstreams: { one } });
    expect(read.filter((key) => key.startsWith('catalogs/'))).toEqual([]);
    await chartroom.reconfigure({ upstreams: { one, two } });

    expect(read.filter((key) => key.startsWith('catalogs/'))).toHaveLength(1);
  });
});

describe('upstreams that are configured together', () => {
  test('tie, whoever is listed first, also when the store could not be told of them at once', async () => {
    const store = watchedStore(memoryStore());
    const [one, two, three] = [await upstreamWith('1.0.0'), await upstreamWith('2.0.0'), await upstreamWith('3.0.0')];
    const chartroom = await openEngine({ upstreams: { one }, store });
    store.beforeWrite = (key) => (key === 'state.json' ? storeGone() : undefined);
    await chartroom.reconfigure({ upstreams: { two, three } });
    store.beforeWrite = undefined;

    await chartroom.operator.sync('three');
    await chartroom.clock.advance(10_000);
    await chartroom.operator.sync('two');

    expect(chartroom.versions('demo')).toEqual(['2.0.0']);
  });
});

describe('a configuration that cannot be made ready', () => {
  test('changes nothing, and can be tried again', async () => {
    const store = watchedStore(memoryStore());
    const [one, two] = [await upstreamWith('1.0.0'), await upstreamWith('2.0.0')];
    const chartroom = await started({ upstreams: { one, two }, store });
    await chartroom.reconfigure({ upstreams: { one } });
    await one.publish('demo', '1.0.1');
    await chartroom.operator.sync('one');
    const index = chartroom.index;
    const asked = one.calls.length;
    store.beforeRead = storeGone;

    expect(await faultOf(chartroom.reconfigure({ upstreams: { one, two } }))).toMatchObject({
      code: 'store-failed',
    });
    expect(chartroom.index).toBe(index);
    expect(chartroom.engine.known.map(({ name }) => name)).toEqual(['one']);
    store.beforeRead = undefined;
    await one.publish('demo', '1.1.0');
    await chartroom.operator.sync('one');
    expect(chartroom.versions('demo')).toContain('1.1.0');
    expect(one.calls.length).toBe(asked + 1);

    await chartroom.reconfigure({ upstreams: { one, two } });
    expect(chartroom.known('two').catalog.find('demo', '2.0.0')).toBeDefined();
  });

  test('leaves no repository behind that goes on building', async () => {
    const nexus = await upstreamWith('1.0.0');
    const chartroom = await started({ upstreams: { nexus } });
    const { sleeping } = chartroom.clock;
    let renders = 0;
    chartroom.beforeJob = async (job) => {
      if (job === 'render' && (renders += 1) === 2) throw new Error('the thread died');
    };
    const cooling = { all: { root: true, cooldownMs: 3_600_000 }, more: { cooldownMs: 3_600_000 } };
    await expect(chartroom.reconfigure({ upstreams: { nexus }, repositories: cooling })).rejects.toThrow('thread died');
    expect(chartroom.clock.sleeping).toBe(sleeping);
  });

  test('ends without a change when the server stops meanwhile', async () => {
    const latch = Promise.withResolvers<void>();
    const nexus = await upstreamWith('1.0.0');
    const chartroom = await started({ upstreams: { nexus } });
    holdJobs(chartroom, 'render', latch.promise);
    const changed = faultOf(chartroom.reconfigure({ upstreams: { nexus: { upstream: nexus, charts: ['x'] } } }));
    await turn();
    const stopped = chartroom.engine.stop();
    latch.resolve();
    expect(await changed).toMatchObject({ code: 'unavailable', message: 'The server is stopping.' });
    await stopped;
    expect(chartroom.versions('demo')).toEqual(['1.0.0']);
  });
});

/** Keeps jobs of a kind waiting. */
function holdJobs(chartroom: TestEngine, kind: string, until: Promise<void>) {
  let held = 0;
  chartroom.beforeJob = async (job) => {
    if (job !== kind) return;
    held += 1;
    await until;
  };
  return { jobs: () => held };
}
