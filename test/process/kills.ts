import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { expect } from 'vitest';
import { stringify } from 'yaml';

import type { ObjectStore } from '../../src/store/contract.ts';
import { startChartroom, type Chartroom } from '../support/chartroom.ts';
import { bytesAt } from '../support/engine.ts';
import { run } from '../support/process.ts';
import type { ChartServer } from './chart-server.ts';
import type { KillOrder, KillStep } from './kill-switch.ts';

/** What is killed, over and over. */
export interface Victim {
  readonly folder: string;
  /** The `store` of its configuration. */
  readonly storeConfig: Readonly<Record<string, unknown>>;
  /** The same store from here. */
  readonly store: ObjectStore;
  readonly upstream: ChartServer;
}

const steps: readonly KillStep[] = ['blob', 'rename', 'holding', 'catalog', 'state'];
const chartsPerRound = 5;
const longestRoundMs = 6_000;

/** Everything that clients ever got, by path; and what indexes said, by chart and version. */
class Ledger {
  readonly archives = new Map<string, string>();
  readonly rows = new Map<string, string | undefined>();

  /** One look around by a client that keeps what it gets. Ends when the server does. */
  async visit(url: string): Promise<void> {
    const index = await get(url, '/index.yaml').catch(() => undefined);
    if (!index) return;
    const { entries } = JSON.parse(index.toString()) as {
      entries: Record<string, { version: string; digest?: string; urls: string[] }[]>;
    };
    for (const [chart, rows] of Object.entries(entries)) {
      for (const { version, digest } of rows) this.rows.set(`${chart} ${version}`, digest);
    }
    const fresh = Object.values(entries)
      .flat()
      .filter(({ urls }) => !this.archives.has(urls[0] ?? ''));
    for (const { urls, digest } of fresh) {
      const bytes = await get(url, `/${urls[0]}`);
      const hex = createHash('sha256').update(bytes).digest('hex');
      if (digest !== undefined && hex !== digest) throw new Error(`${urls[0]} is not what the index promises`);
      this.archives.set(urls[0] ?? '', hex);
    }
  }
}

async function get(url: string, path: string): Promise<Buffer> {
  const answer = await fetch(url + path);
  const body = Buffer.from(await answer.arrayBuffer());
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${body.toString()}`);
  return body;
}

/**
 * Kills a server `rounds` times while it fetches, most of the times at an exact step of its writing and else at some
 * time, and looks at what was left. Answers with how often each step was hit. Then nobody may have lost anything.
 */
export async function killOver(victim: Victim, rounds: number): Promise<Readonly<Record<string, number>>> {
  const config = await writeConfig(victim);
  const ledger = new Ledger();
  const checked = new Set<string>();
  const histogram: Record<string, number> = {};
  for (let round = 0; round < rounds; round += 1) {
    for (let at = 0; at < chartsPerRound; at += 1) await victim.upstream.publish(`chart-${at}`, `1.${round}.0`);
    const order = orderOf(round);
    const died = await oneRound(config, order, ledger);
    const name = order ? `${order.step} ${order.moment}${died ? '' : ' (missed)'}` : 'any time';
    histogram[name] = (histogram[name] ?? 0) + 1;
    await expectSound(victim.store, checked);
  }
  await expectComplete(victim, config);
  await expectServed(victim, config, ledger);
  expect(ledger.archives.size).toBeGreaterThan(rounds);
  await expectSound(victim.store, new Set());
  return histogram;
}

/** Two of three rounds at a step, before or after it, at another of its occurrences each time. */
function orderOf(round: number): KillOrder | undefined {
  if (round % 5 === 4) return undefined;
  const turn = round - Math.floor(round / 5);
  const step = steps[turn % steps.length] ?? 'blob';
  const moment = Math.floor(turn / steps.length) % 2 === 0 ? 'before' : 'after';
  // a catalog and a state are written twice in a round, the others once for each chart
  const skip = step === 'catalog' || step === 'state' ? round % 2 : round % 4;
  return { step, moment, skip };
}

/** Resolves when one visit went through; rejects when twenty did not. */
async function lookedAtWhole(url: string, ledger: Ledger): Promise<void> {
  for (let visit = 1; ; visit += 1) {
    try {
      return await ledger.visit(url);
    } catch (error) {
      if (visit === 20) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** Answers whether the server died of its order. */
async function oneRound(config: string, order: KillOrder | undefined, ledger: Ledger): Promise<boolean> {
  const killSwitch = pathToFileURL(join(import.meta.dirname, 'kill-switch.ts')).href;
  const server = await startChartroom(config, {
    nodeFlags: ['--import', killSwitch],
    env: { CHARTROOM_TEST_KILL: JSON.stringify(order ?? null) },
  });
  // before it is killed at any time it is looked at whole: what was never seen cannot be missed
  if (!order) await lookedAtWhole(server.url, ledger);
  const waitMs = order ? longestRoundMs : Math.random() * 900;
  const timer = setTimeout(() => server.process.kill('SIGKILL'), waitMs);
  const startedMs = performance.now();
  while (server.process.signalCode === null) {
    await ledger.visit(server.url).catch((error: unknown) => {
      // a dead server resets connections; anything else it says is its own
      if (!(error instanceof TypeError)) throw error;
    });
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  clearTimeout(timer);
  expect(server.process.signalCode).toBe('SIGKILL');
  return performance.now() - startedMs < longestRoundMs;
}

/** Every stored byte still hashes to its name. */
async function expectSound(store: ObjectStore, checked: Set<string>): Promise<void> {
  for await (const { key } of store.list('blobs/')) {
    if (checked.has(key)) continue;
    checked.add(key);
    const hex = createHash('sha256')
      .update(await bytesAt(store, key))
      .digest('hex');
    expect(key.endsWith(`/${hex}`), `${key} hashes to its name`).toBe(true);
  }
}

/** Nothing stands in the way of a round that nobody interrupts: everything comes. */
async function expectComplete({ upstream, store }: Victim, config: string): Promise<void> {
  const main = join(import.meta.dirname, '../../src/main.ts');
  const { code, stdout, stderr } = await run(process.execPath, [main, 'sync', '--config', config]);
  expect(stdout + stderr).toMatch(/fetched, 0 failed\.\n$/);
  expect(code).toBe(0);
  const holdings = await Array.fromAsync(store.list('holdings/'));
  expect(holdings).toHaveLength(upstream.archives.size);
}

async function expectServed({ upstream }: Victim, config: string, ledger: Ledger): Promise<void> {
  await upstream.offline();
  const server: Chartroom = await startChartroom(config);
  try {
    await server.logged(({ msg }) => msg === 'index rendered');
    const again = new Ledger();
    await again.visit(server.url);
    for (const [name, digest] of ledger.rows) {
      expect(again.rows.has(name), `${name} is still listed`).toBe(true);
      if (digest !== undefined) expect(again.rows.get(name)).toBe(digest);
    }
    for (const [path, hex] of ledger.archives) expect(again.archives.get(path)).toBe(hex);
    expect(again.archives.size).toBe(upstream.archives.size);
  } finally {
    await server.stop();
  }
}

async function writeConfig({ folder, storeConfig, upstream }: Victim): Promise<string> {
  const file = join(folder, 'chartroom.yaml');
  const text = stringify({
    server: { listen: '127.0.0.1:0' },
    store: storeConfig,
    upstreams: [{ name: 'nexus', url: upstream.url, concurrency: 2, retries: 1 }],
  });
  await writeFile(file, text);
  return file;
}
