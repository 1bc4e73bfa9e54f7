import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { stringify } from 'yaml';

import { startChartroom, type Chartroom, type ChartroomOptions } from '../../support/chartroom.ts';
import { Broken, Observer } from '../observer.ts';

const token = 'a-token-for-this-soak';

/** How long requests wait for what must be fetched first. */
export const coldWaitMs = 1_500;
/** How long they wait for a version that nobody lists. */
const missWaitMs = 2_000;
/** How long a sync by hand may take: as many attempts as there may be, and the wait between them. */
const syncWaitMs = 2_000;
/** What a loaded machine may add. */
const graceMs = 3_000;
const mostAtOnce = 200;

/** What every upstream of these servers says: little patience, and nothing by itself that these tests do not ask for. */
export const impatient = {
  timeout: '500ms',
  retries: 2,
  interval: '1h',
  mirror: 'requested',
  concurrency: 8,
  requestsPerSecond: 1000,
  maxIndexBytes: '256KiB',
  maxArchiveBytes: '256KiB',
};

/** A client of one server of ours that keeps a ledger, and asks for what it never saw as well. */
export class Client {
  readonly observer = new Observer();
  readonly #room: Chartroom;

  constructor(room: Chartroom) {
    this.#room = room;
  }

  get url(): string {
    return this.#room.url;
  }

  /** Syncs one upstream by hand and expects this status. */
  async sync(upstream: string, ...statuses: readonly number[]): Promise<Response> {
    const path = `/api/v1/upstreams/${upstream}/sync`;
    const init = { method: 'POST', headers: { authorization: `Bearer ${token}` } };
    const startedMs = performance.now();
    const answer = await fetch(this.url + path, init);
    const text = await answer.text();
    if (!statuses.includes(answer.status)) throw unexpected(`POST ${path}`, answer.status, statuses, text);
    expectInTime(`POST ${path}`, performance.now() - startedMs, syncWaitMs);
    expectRetryAfter(path, answer.status, answer.headers);
    return answer;
  }

  /** A file that the ledger may not have yet: one of these statuses, in time. */
  async ask(path: string, ...statuses: readonly number[]): Promise<Headers> {
    const { status, headers, body } = await this.#inTime(path, coldWaitMs);
    if (!statuses.includes(status)) throw unexpected(path, status, statuses, body.toString());
    expectRetryAfter(path, status, headers);
    return headers;
  }

  /** A version that nobody has: one of these statuses, in time. */
  async miss(path: string, ...statuses: readonly number[]): Promise<void> {
    const { status, headers, body } = await this.#inTime(path, missWaitMs);
    if (!statuses.includes(status)) throw unexpected(path, status, statuses, body.toString());
    expectRetryAfter(path, status, headers);
  }

  /** The index and everything it ever saw, after many rounds a good part of it in turn; some sparingly; probes too. */
  async readEverything(): Promise<void> {
    const files = [...this.observer.files];
    await this.observer.look(this.url, { again: Math.min(files.length, mostAtOnce) });
    for (const path of files.slice(0, 3)) await this.observer.readSparingly(this.url, path);
    for (const probe of ['/livez', '/readyz']) await this.#probe(probe);
  }

  /** Tries until it works, for as long as a server may take to be well again. */
  async eventually(what: () => Promise<unknown>, withinMs = 5_000): Promise<void> {
    const deadlineMs = performance.now() + withinMs;
    for (;;) {
      try {
        await what();
        return;
      } catch (error) {
        if (performance.now() > deadlineMs) throw error;
        await sleep(50);
      }
    }
  }

  async #probe(path: string): Promise<void> {
    const answer = await fetch(this.url + path);
    const text = await answer.text();
    if (answer.status !== 200) throw unexpected(path, answer.status, [200], text);
  }

  async #inTime(path: string, waitMs: number) {
    const startedMs = performance.now();
    const answer = await this.observer.read(this.url, path);
    expectInTime(path, performance.now() - startedMs, waitMs);
    return answer;
  }
}

function expectInTime(path: string, tookMs: number, waitMs: number): void {
  if (tookMs <= waitMs + graceMs) return;
  throw new Broken(`${path} was answered after ${Math.round(tookMs)} ms, not within ${waitMs}`);
}

/** "Not now" says when. */
function expectRetryAfter(path: string, status: number, headers: Headers): void {
  if (status !== 503 && status !== 504) return;
  const seconds = headers.get('retry-after') ?? '';
  if (/^[1-9]\d*$/.test(seconds)) return;
  throw new Broken(`${path} answered ${status} with Retry-After "${seconds}"`);
}

function unexpected(path: string, status: number, wanted: readonly number[], text: string): Broken {
  return new Broken(`${path} answered ${status}, not ${wanted.join(' or ')}: ${text.trim().slice(0, 300)}`);
}

/** A server of ours with a folder for its configuration, and a client of it. */
export interface Room {
  readonly folder: string;
  readonly server: Chartroom;
  readonly client: Client;
  close(): Promise<void>;
}

export interface RoomOptions extends ChartroomOptions {
  readonly upstreams: readonly object[];
  /** Where it keeps things; below its folder when absent. */
  readonly store?: object;
  /** Instead of a new one. */
  readonly folder?: string;
  /** It is not expected to have an index. */
  readonly unserved?: boolean;
}

/** A folder of its own. Whoever makes it removes it. */
export function soakFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'chartroom-soak-'));
}

/** Starts one, and waits for its first index. */
export async function openRoom({ upstreams, store, folder: given, unserved, ...options }: RoomOptions): Promise<Room> {
  const folder = given ?? (await soakFolder());
  const config = join(folder, 'chartroom.yaml');
  const settings = { listen: '127.0.0.1:0', adminToken: token, coldWait: `${coldWaitMs}ms`, shutdownGrace: '5s' };
  const text = stringify({ server: settings, ...(store && { store }), defaults: impatient, upstreams });
  await writeFile(config, text);
  const server = await startChartroom(config, options);
  const client = new Client(server);
  if (!unserved) await client.eventually(() => client.observer.index(server.url), 15_000);
  return {
    folder,
    server,
    client,
    close: async () => {
      await server.kill9();
      if (given === undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}
