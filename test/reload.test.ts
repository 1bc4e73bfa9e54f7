import { writeFile } from 'node:fs/promises';

import { describe, expect, test } from 'vitest';

import { Fault } from '../src/chart/fault.ts';
import { loadConfig, type Loaded } from '../src/config/load.ts';
import { openLog } from '../src/lib/log.ts';
import { Reloads, type ReloadReason } from '../src/reload.ts';
import { configOf, writeConfig } from './config/support.ts';
import { ManualClock } from './support/clock.ts';
import { pass, turn } from './support/engine.ts';

const upstreams = (...names: readonly string[]) =>
  `upstreams:\n${names.map((name) => `  - { name: ${name}, url: ./${name} }\n`).join('')}`;

/** Reloads of a file that is told what is in it, on a clock that stands still. */
async function reloading(text: string) {
  const file = await writeConfig(text);
  const config = configOf(await loadConfig(file, {}));
  const world = {
    loaded: await loadConfig(file, {}),
    loads: 0,
    applied: [] as string[],
    before: (): Promise<void> => Promise.resolve(),
    load: undefined as (() => Promise<Loaded>) | undefined,
  };
  const lines: { readonly level: number; readonly msg: string; readonly [field: string]: unknown }[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line) as (typeof lines)[number]);
  const clock = new ManualClock();
  const reloads = new Reloads({
    config,
    load: async () => {
      world.loads += 1;
      return world.load?.() ?? world.loaded;
    },
    apply: async ({ upstreams: all }) => {
      await world.before();
      world.applied.push(all.map(({ name }) => name).join(' '));
    },
    clock,
    log: openLog({ level: 'debug', format: 'json' }, { write }),
  });
  const put = async (next: string) => {
    await writeFile(file, next);
    world.loaded = await loadConfig(file, {});
  };
  const reload = async (next?: string, reason: ReloadReason = 'changed') => {
    if (next !== undefined) await put(next);
    reloads.request(reason);
    await turn();
  };
  return { world, lines, clock, reloads, put, reload };
}

describe('a configuration that is loaded again', () => {
  test('takes effect, and one line says what changed', async () => {
    const { world, lines, clock, reloads, reload } = await reloading(upstreams('a', 'b'));
    await clock.advance(60_000);
    await reload(`${upstreams('b', 'c')}defaults: { mirror: requested }\n`);

    expect(world.applied).toEqual(['b c']);
    expect(reloads.config.upstreams.map(({ name }) => name)).toEqual(['b', 'c']);
    expect(reloads.status).toMatchObject({ state: 'ok', loadedAt: '2026-01-01T00:01:00Z' });
    expect(lines).toMatchObject([
      {
        level: 30,
        upstreams: { added: ['c'], removed: ['a'], changed: ['b'] },
        repositories: { changed: ['all'] },
        msg: 'the configuration was loaded again',
      },
    ]);
  });

  test('is loaded once more when that was asked for while it was under way, however often', async () => {
    const { world, reload } = await reloading(upstreams('a'));
    const gate = Promise.withResolvers<void>();
    world.before = () => gate.promise;
    await reload(undefined, 'asked');
    for (const name of ['b', 'c', 'd']) await reload(upstreams(name));
    gate.resolve();
    await turn();
    expect(world.applied).toEqual(['a', 'd']);
    expect(world.loads).toBe(2);
  });

  test('names what takes effect with the next start only, for as long as that is so', async () => {
    const { lines, reloads, reload } = await reloading(upstreams('a'));
    const elsewhere = `${upstreams('a')}server: { listen: 127.0.0.1:9 }\n`;
    await reload(elsewhere);
    await reload(`${elsewhere}log: { level: debug }\n`);
    expect(reloads.status.needsRestart).toEqual(['server.listen']);
    expect(lines.filter(({ msg }) => msg === 'take effect with the next start only: server.listen')).toHaveLength(2);

    await reload(upstreams('a'));
    expect(reloads.status.needsRestart).toBeUndefined();
  });

  test('changes nothing when it is bad, and is reported once until somebody asks', async () => {
    const { world, lines, reloads, put, reload } = await reloading(upstreams('a'));
    await put('upstreams:\n  - { name: a, urll: ./a }\nrepositorie: []\n');
    for (const reason of ['changed', 'changed', 'asked'] as const) await reload(undefined, reason);
    expect(world.applied).toEqual([]);
    expect(reloads.status.problems).toHaveLength(2);
    expect(reloads.status).toMatchObject({ state: 'refused', loadedAt: '2026-01-01T00:00:00Z' });
    const told = lines.filter(({ level }) => level === 50).map(({ msg }) => msg);
    expect(told.filter((msg) => /:2:16 upstreams\[0\]\.urll: .*did you mean "url"/.test(msg))).toHaveLength(2);
    expect(told).toHaveLength(6);

    await reload(upstreams('a'));
    expect(reloads.status).toEqual({ file: reloads.config.file, loadedAt: '2026-01-01T00:00:00Z', state: 'ok' });
  });
});

describe('a configuration that cannot be made ready', () => {
  const storeFailed = () => Promise.reject(new Fault('store-failed', 'the store does not answer.', 'Bring it back.'));

  test('is tried again until it can, and says so once', async () => {
    const { world, lines, clock, reloads, reload } = await reloading(upstreams('a'));
    world.before = storeFailed;
    await reload(upstreams('b'));
    expect(reloads.status).toMatchObject({ state: 'refused', problems: ['the store does not answer.'] });
    await pass(clock, 300_000, 1_000);
    expect(world.loads).toBeGreaterThan(4);
    expect(world.loads).toBeLessThan(60);
    expect(lines.filter(({ level }) => level === 50)).toMatchObject([{ advice: 'Bring it back.' }]);

    world.before = () => Promise.resolve();
    await pass(clock, 65_000, 1_000);
    await turn();
    expect(world.applied).toEqual(['b']);
    expect(reloads.status.state).toBe('ok');
    const { loads } = world;
    await pass(clock, 300_000, 1_000);
    expect(world.loads).toBe(loads);
  });

  test('is tried again also after a defect, which is no end of the server', async () => {
    const { world, lines, clock, reload } = await reloading(upstreams('a'));
    const loaded = Promise.reject(new Error('out of luck'));
    loaded.catch(() => undefined);
    world.load = () => loaded;
    await reload(upstreams('b'));
    expect(lines).toMatchObject([{ level: 50, err: { message: 'out of luck' } }]);

    world.load = undefined;
    await pass(clock, 5_000);
    expect(world.applied).toEqual(['b']);
  });

  test('is tried again at once when the file is another one', async () => {
    const { world, reload } = await reloading(upstreams('a'));
    world.before = storeFailed;
    await reload();
    world.before = () => Promise.resolve();
    await reload(upstreams('c'));
    expect(world.applied).toEqual(['c']);
  });

  test('is not tried any more once the server stops', async () => {
    const { world, lines, clock, reloads, reload } = await reloading(upstreams('a'));
    world.before = storeFailed;
    await reload();
    reloads.stop();
    const told = lines.length;
    await pass(clock, 300_000, 10_000);
    await reload(undefined, 'asked');
    expect([world.loads, lines.length]).toEqual([1, told]);
  });
});
