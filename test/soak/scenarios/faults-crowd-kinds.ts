import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { Agent, get, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import { Broken } from '../observer.ts';
import { coldWaitMs } from './faults-client.ts';
import type { Kind } from './faults-kind.ts';
import type { Shop } from './faults-shops.ts';
import type { UpstreamRig } from './faults-upstream-rig.ts';

const herd = 200;
const crowd = 1_000;
const leavers = 60;

/** Opens a connection of its own, asks, and has this done with the answer. */
function alone(url: string, withAnswer: (answer: IncomingMessage) => void): Promise<void> {
  return new Promise((resolve) => {
    const request = get(url, { agent: false }, withAnswer);
    request.on('error', () => undefined).on('close', () => resolve());
  });
}

async function openFiles(pid: number | undefined): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length;
}

async function thundering({ client }: UpstreamRig, shop: Shop): Promise<void> {
  const path = shop.nextCold();
  await Promise.all(Array.from({ length: herd }, () => client.ask(path, 200)));
  if (shop.asked(path) !== 1) throw new Broken(`${herd} requests for ${path} made ${shop.asked(path)} upstream`);
}

/** The first to ask leaves before upstream answers; the others get what they wait for. */
async function leaderLeaves({ client }: UpstreamRig, shop: Shop): Promise<void> {
  const path = shop.nextCold();
  const gate = Promise.withResolvers<void>();
  shop.upstream.distort((answer) => ({ ...answer, hold: gate.promise }));
  try {
    const leader = get(client.url + path, { agent: false }).on('error', () => undefined);
    await client.eventually(async () => {
      if (shop.asked(path) === 0) throw new Broken(`nobody asked for ${path}`);
    });
    leader.destroy();
    const followers = Array.from({ length: herd }, () => client.ask(path, 200));
    gate.resolve();
    await Promise.all(followers);
  } finally {
    gate.resolve();
    await shop.mend();
  }
  if (shop.asked(path) !== 1) throw new Broken(`${path} was asked for ${shop.asked(path)} times`);
}

const herds: readonly Kind<UpstreamRig>[] = [
  {
    name: 'FLT-20 thundering herd',
    done: `${herd} clients ask for the same cold version at once, of a chart repository and of a registry`,
    promise: 'one request upstream, 200 for all',
    run: (rig) =>
      Promise.all([thundering(rig, rig.shops.named), thundering(rig, rig.shops.registry)]).then(() => undefined),
  },
  {
    name: 'FLT-21 leader leaves',
    done: `the first of ${herd} clients leaves while upstream is asked`,
    promise: 'the fetch goes on: one request upstream, 200 for the others',
    run: async (rig) => {
      await leaderLeaves(rig, rig.shops.named);
      await leaderLeaves(rig, rig.shops.registry);
    },
  },
  {
    name: 'FLT-21 leader fails',
    done: `${herd} clients wait for a version that upstream fails to send`,
    promise: 'the same 502 for all, after no more attempts than for one; 200 once upstream is well',
    run: async (rig) => {
      const { named } = rig.shops;
      const path = named.nextCold();
      const gate = Promise.withResolvers<void>();
      named.upstream.all({ status: 500, hold: gate.promise });
      const waiting = Array.from({ length: herd }, () => rig.client.ask(path, 502));
      // those that come first wait for it with the others
      await sleep(100);
      gate.resolve();
      try {
        await Promise.all(waiting);
      } finally {
        await named.mend();
      }
      if (named.asked(path) > 4) throw new Broken(`${path} was asked for ${named.asked(path)} times`);
      await rig.client.ask(path, 200);
    },
  },
];

const leaving: Kind<UpstreamRig> = {
  name: 'FLT-22 leaving halfway',
  done: `${leavers} clients leave in the middle of an archive of 9 MiB`,
  promise: 'its files are closed, nothing is logged as an error, and who stays gets it whole',
  run: async ({ client, server, shops }) => {
    const [path = ''] = shops.large.warm;
    const url = client.url + path;
    const digestNow = async (): Promise<string> => {
      const answer = await fetch(url);
      if (answer.status !== 200) throw new Broken(`${path} answered ${answer.status}`);
      return createHash('sha256')
        .update(Buffer.from(await answer.arrayBuffer()))
        .digest('hex');
    };
    const digest = await digestNow();
    const before = await openFiles(server.process.pid);
    const logged = server.log.length;
    const leave = (answer: IncomingMessage): void => void answer.once('data', () => answer.destroy());
    await Promise.all(Array.from({ length: leavers }, () => alone(url, leave)));
    await client.eventually(async () => {
      const files = (await openFiles(server.process.pid)) - before;
      if (files > 5) throw new Broken(`${files} files are open still`);
    });
    const errors = server.log.slice(logged).filter(({ level }) => level >= 50);
    if (errors.length > 0) throw new Broken(`an error was logged: ${errors[0]?.msg}`);
    if ((await digestNow()) !== digest) throw new Broken(`${path} is not what it was`);
  },
};

const crowded: Kind<UpstreamRig> = {
  name: 'FLT-23 many at once',
  done: `${crowd} clients read something warm, each over a connection of its own`,
  promise: 'every answer 200, before anybody would give up',
  run: async ({ client, shops }) => {
    const agent = new Agent({ keepAlive: true, maxSockets: crowd });
    const paths = ['/index.yaml', ...shops.named.warm];
    const startedMs = performance.now();
    const ask = (at: number): Promise<number> =>
      new Promise((resolve, reject) => {
        const url = client.url + (paths[at % paths.length] ?? '');
        get(url, { agent }, (answer) => answer.on('end', () => resolve(answer.statusCode ?? 0)).resume()).on(
          'error',
          reject,
        );
      });
    try {
      const statuses = await Promise.all(Array.from({ length: crowd }, (_, at) => ask(at)));
      const other = statuses.find((status) => status !== 200);
      if (other !== undefined) throw new Broken(`one of ${crowd} clients was answered ${other}`);
    } finally {
      agent.destroy();
    }
    const tookMs = Math.round(performance.now() - startedMs);
    if (tookMs > 5 * coldWaitMs) throw new Broken(`${crowd} warm answers took ${tookMs} ms`);
  },
};

/** Faults of many clients, and of clients that leave. */
export const crowdKinds: readonly Kind<UpstreamRig>[] = [...herds, leaving, crowded];
