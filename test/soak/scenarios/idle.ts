import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { inHome } from '../../support/home.ts';
import { runOk } from '../../support/process.ts';
import { startVersitygw } from '../../support/versitygw.ts';
import { Broken } from '../observer.ts';
import type { Scenario } from '../scenario.ts';
import { startCounter, type Counter } from './replicas-counter.ts';
import { Fleet, leaseHolder, until, writeConfig, type Replica } from './replicas-fleet.ts';
import { startRepository } from './replicas-repository.ts';
import { bucketConfig, meetInBucket } from './replicas-store.ts';

const main = join(import.meta.dirname, '../../../src/main.ts');
const minuteMs = 60_000;
/** Nothing but renewing and watching of the lease, and following, for so long: all is quiet. */
const quietMs = 3_000;

/** Replicas on S3 that nobody asks for anything. */
export const idle: Scenario = {
  name: 'idle',
  promise: 'An idle replica makes 30 store requests a minute at most while it holds the lease, and 24 otherwise.',
  // more of nothing shows nothing more
  run: () => idleFor(2 * minuteMs),
};

/** As the scenario, for as long as one wants it; the bounds are those of a minute, scaled. */
export function idleFor(windowMs: number): Promise<string> {
  return inHome(async (home, cleanUp) => {
    const gateway = await startVersitygw(join(home, 's3'));
    cleanUp(() => gateway.stop());
    (await meetInBucket(gateway, 'idle/')).close();
    const repository = await startRepository();
    cleanUp(() => repository.stop());
    await repository.publish(['a 1.0.0', 'a 1.1.0', 'b 1.0.0']);
    const upstreams = [repository.config];
    const configure = (name: string, endpoint?: string) =>
      writeConfig(home, name, { store: bucketConfig(gateway, 'idle/', endpoint), upstreams });
    // everything is there before they start
    await runOk(process.execPath, [main, 'sync', '--config', await configure('sync')]);
    const fleet = new Fleet();
    cleanUp(() => fleet.killAll());
    const counted = new Map<Replica, Counter>();
    const start = async (name: string): Promise<void> => {
      const counter = await startCounter(gateway.endpoint, 'charts/idle');
      cleanUp(() => counter.stop());
      counted.set(await fleet.start(await configure(name, counter.endpoint)), counter);
    };
    await Promise.all(['one', 'another', 'third'].map(start));
    await becomeQuiet(counted);
    for (const counter of counted.values()) counter.reset();
    await sleep(windowMs);
    const seen = new Map([...counted].map(([replica, { counts }]) => [replica, new Map(counts)]));
    const holder = await leaseHolder(fleet.living);
    await fleet.stop();
    return judge(seen, holder, windowMs);
  });
}

/** The work is one's, and nobody does any of it. */
async function becomeQuiet(counted: ReadonlyMap<Replica, Counter>): Promise<void> {
  await leaseHolder([...counted.keys()]);
  let sinceMs = performance.now();
  let before = '';
  await until('the store is left alone', async () => {
    const others = [...counted.values()].flatMap(({ counts }) => [...counts].filter(([what]) => !isUsual(what)));
    const now = JSON.stringify(others);
    if (now !== before) sinceMs = performance.now();
    before = now;
    return performance.now() - sinceMs > quietMs;
  });
}

function isUsual(what: string): boolean {
  return what === 'HEAD state.json' || what.endsWith(' lease.json');
}

type Seen = ReadonlyMap<Replica, ReadonlyMap<string, number>>;

function judge(seen: Seen, holder: Replica, windowMs: number): string {
  const minutes = windowMs / minuteMs;
  const lines = [...seen].map(([replica, counts]) => {
    const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
    const [who, most] = replica === holder ? ['the holder of the lease', 30] : ['another', 24];
    const details = [...counts].map(([what, count]) => `${count} ${what}`).join(', ');
    const line = `${who} made ${(total / minutes).toFixed(1)} store requests a minute (${details})`;
    if (total > most * minutes) throw new Broken(`${line}, ${most} at most were promised`);
    return line;
  });
  return `${windowMs / 1000} s: ${lines.join('; ')}`;
}
