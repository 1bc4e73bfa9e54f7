import { readFile } from 'node:fs/promises';

import { Agent, fetch } from 'undici';

import type { Chartroom } from '../support/chartroom.ts';

/** One row of the index that we serve. */
export interface IndexRow {
  readonly name: string;
  readonly version: string;
  readonly digest?: string;
  readonly urls: readonly [string];
}

/** A plain client of a server of ours. */
export interface Client {
  /** The bytes at a path. Throws for any status but 200. */
  get(path: string): Promise<Buffer>;
  status(path: string): Promise<number>;
  /** The rows of the index, by chart. */
  index(): Promise<ReadonlyMap<string, readonly IndexRow[]>>;
  close(): Promise<void>;
}

/** Speaks to a server, trusting `caFile` where it answers over HTTPS. */
export async function clientOf(server: Chartroom, caFile?: string): Promise<Client> {
  const dispatcher = new Agent({ connections: 16, connect: caFile ? { ca: await readFile(caFile) } : {} });
  const send = (path: string) => fetch(new URL(path, server.url), { dispatcher });
  const get = async (path: string) => {
    const answer = await send(path);
    const body = Buffer.from(await answer.arrayBuffer());
    if (answer.status !== 200) throw new Error(`${path} answered ${answer.status}: ${body.toString().slice(0, 500)}`);
    return body;
  };
  return {
    get,
    status: async (path) => {
      const answer = await send(path);
      await answer.arrayBuffer();
      return answer.status;
    },
    index: async () => {
      const { entries } = JSON.parse((await get('/index.yaml')).toString()) as { entries: Record<string, IndexRow[]> };
      return new Map(Object.entries(entries));
    },
    close: () => dispatcher.close(),
  };
}

/** Asks again and again until `wanted` holds; throws with what was last seen after `withinMs`. */
export async function eventually<T>(
  ask: () => Promise<T>,
  wanted: (seen: T) => boolean,
  withinMs = 60_000,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const seen = await ask();
    if (wanted(seen)) return seen;
    if (performance.now() > deadline)
      throw new Error(`after ${withinMs} ms still: ${JSON.stringify(seen).slice(0, 2000)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
