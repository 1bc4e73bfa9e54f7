import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { startChartroom, type Chartroom } from '../../support/chartroom.ts';
import { Broken } from '../observer.ts';

/** One of several servers on a store. */
export interface Replica extends Chartroom {
  readonly name: string;
  /** It is being killed, or was. */
  dying: boolean;
}

/** A configuration, as it is written to a file. */
export type Configuration = Readonly<Record<string, unknown>>;

export const adminToken = 'a-token-for-the-soak';

/** What the servers of one store are started with. JSON is YAML. */
export async function writeConfig(home: string, name: string, configuration: Configuration): Promise<string> {
  const file = join(home, `${name}.yaml`);
  const server = { listen: '127.0.0.1:0', adminToken };
  await writeFile(file, JSON.stringify({ server, log: { format: 'json' }, ...configuration }));
  return file;
}

/** Servers that come and go. */
export class Fleet {
  readonly #all: Replica[] = [];
  #started = 0;
  #isOver = false;

  /** Those that nobody kills. */
  get living(): readonly Replica[] {
    return this.#all.filter(({ dying }) => !dying);
  }

  /** How many were ever started. */
  get started(): number {
    return this.#started;
  }

  /** Starts one, and waits until it is ready. */
  async start(configFile: string): Promise<Replica> {
    this.#started += 1;
    const name = `replica ${this.#started}`;
    const server = await startChartroom(configFile);
    const replica: Replica = Object.assign(server, { name, dying: false });
    this.#all.push(replica);
    if (this.#isOver) await this.kill(replica);
    await until(`${name} is ready`, async () => (await fetch(`${server.url}/readyz`)).status === 200, 60_000);
    return replica;
  }

  /** Ends one at once, without a chance to tidy up. */
  async kill(replica: Replica): Promise<void> {
    replica.dying = true;
    await replica.kill9();
  }

  /** Ends all that live, each of which must be able to in peace. */
  async stop(): Promise<void> {
    const living = this.living;
    for (const replica of living) replica.dying = true;
    for (const replica of living) {
      const code = await replica.stop();
      if (code !== 0) throw new Broken(`${replica.name} ended with ${code} when it was asked to stop`);
    }
  }

  /** Ends whatever is left of them, also what is being started. */
  async killAll(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#all.map((replica) => this.kill(replica)));
  }
}

/** Whether this one does the upstream work now. */
export async function holdsLease({ url }: Chartroom): Promise<boolean> {
  return /^chartroom_lease_held 1$/m.test(await (await fetch(`${url}/metrics`)).text());
}

/** The one that does the upstream work; rejects when there is none, or are several, after a minute. */
export async function leaseHolder(replicas: readonly Replica[]): Promise<Replica> {
  let holders: readonly Replica[] = [];
  await until('one of them holds the lease', async () => {
    const held = await Promise.all(replicas.map(holdsLease));
    holders = replicas.filter((_, at) => held[at]);
    return holders.length === 1;
  });
  const [holder] = holders;
  if (!holder) throw new Broken('nobody holds the lease');
  return holder;
}

/** How many versions a server lists and holds, of all upstreams, by its status. */
export async function countsOf({ url }: Chartroom): Promise<{ readonly versions: number; readonly held: number }> {
  const { upstreams } = (await (await fetch(`${url}/api/v1/status`)).json()) as {
    readonly upstreams: readonly { readonly counts: { readonly versions: number; readonly held: number } }[];
  };
  const sum = (of: 'versions' | 'held') => upstreams.reduce((total, { counts }) => total + counts[of], 0);
  return { versions: sum('versions'), held: sum('held') };
}

/** Syncs by hand, as an operator would. */
export async function syncNow({ url, name }: Replica, upstream: string): Promise<void> {
  const headers = { authorization: `Bearer ${adminToken}` };
  const answer = await fetch(`${url}/api/v1/upstreams/${upstream}/sync`, { method: 'POST', headers });
  const text = await answer.text();
  if (answer.status !== 200) throw new Broken(`a sync of ${upstream} at ${name} answered ${answer.status}: ${text}`);
}

/** Asks again and again; rejects when it does not become true in time. */
export async function until(what: string, isTrue: () => Promise<boolean>, withinMs = 60_000): Promise<void> {
  const deadlineMs = performance.now() + withinMs;
  while (!(await isTrue())) {
    if (performance.now() > deadlineMs) throw new Broken(`after ${withinMs / 1000} s it is not so yet that ${what}`);
    await sleep(50);
  }
}
