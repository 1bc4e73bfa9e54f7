import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { inspect } from 'node:util';

import { Catalog } from '../../src/chart/catalog.ts';
import { Fault, plainFault } from '../../src/chart/fault.ts';
import { readAll } from '../../src/lib/bytes.ts';
import { openLog, type Log } from '../../src/lib/log.ts';
import type { Upstream } from '../../src/upstream/contract.ts';
import { createCertificates } from './certificates.ts';
import { faultUpstream, type FaultUpstream, type Script, type SeenRequest } from './fault-upstream.ts';
import { never } from './http.ts';

/** The home of an upstream, and strangers that must hear of no credential. */
export interface World {
  /** The upstream's own server. */
  readonly home: FaultUpstream;
  /** The home by another name: the same server and port, another origin. */
  readonly alias: string;
  /** Another server, at another port of the same host. */
  readonly other: FaultUpstream;
  /** Another one, with TLS. */
  readonly secure: FaultUpstream;
}

/** A key and a certificate for servers on loopback, and the file of who signed it. */
export interface TestTls {
  readonly key: string;
  readonly cert: string;
  readonly caFile: string;
}

/** How a home leads somebody astray. */
export interface Way {
  readonly name: string;
  readonly lay: (world: World) => void;
  /** Whether a stranger is asked for something in the end. */
  readonly strays: boolean;
}

/** Every redirect that is followed. */
export const statuses = [301, 302, 303, 307, 308] as const;
export const places = ['other', 'alias', 'secure'] as const;

/** Where a home sends whom it wants back: who comes there comes from a stranger. */
export const wayBack = '/returned';

/** Starts servers for one test. Strangers take everything, and answer as the home would. */
export async function openWorld(tls: TestTls, homeHasTls = false): Promise<World> {
  const stranger = {
    otherwise: ({ target }: SeenRequest) => ({ body: target.includes('token') ? '{"token":"of-a-stranger"}' : '{}' }),
  };
  const home = await faultUpstream(homeHasTls ? { tls } : {});
  const other = await faultUpstream(stranger);
  const secure = await faultUpstream({ ...stranger, tls });
  return { home, other, secure, alias: home.origin.replace('127.0.0.1', 'localhost') };
}

/** Makes certificates for such servers. */
export async function certify(folder: string): Promise<TestTls> {
  const { keyFile, certFile, caFile } = await createCertificates(folder);
  return { key: await readFile(keyFile, 'utf8'), cert: await readFile(certFile, 'utf8'), caFile };
}

/** The origin of a stranger. */
export function originAt(world: World, place: (typeof places)[number]): string {
  return place === 'alias' ? world.alias : world[place].origin;
}

/** A text in which `<home>`, `<other>`, `<alias>` and `<secure>` stand for hosts, and `<port>` for that of the home. */
export function filled(world: World, text: string): string {
  const host = (origin: string): string => new URL(origin).host;
  return text
    .replaceAll('<home>', host(world.home.origin))
    .replaceAll('<port>', new URL(world.home.origin).port)
    .replaceAll(/<(other|alias|secure)>/g, (_, place: (typeof places)[number]) => host(originAt(world, place)));
}

/** A redirect. */
export const to = (location: string, status = 302): Script => ({ status, headers: { location } });

/** Text that no one else has. */
export function newCanary(): string {
  return `canary${randomBytes(12).toString('hex')}`;
}

/** Whether a text holds the canary: as it is, percent-encoded, or in base64 wherever that begins. */
export function holds(text: string, canary: string): boolean {
  const runs = text.match(/[A-Za-z0-9+/_-]{16,}/g) ?? [];
  const decoded = runs.flatMap((run) =>
    [0, 1, 2, 3].map((at) => Buffer.from(run.slice(at), 'base64').toString('latin1')),
  );
  return [text, percentDecoded(text), ...decoded].some((one) => one.includes(canary));
}

function percentDecoded(text: string): string {
  return text.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** What came of following an upstream to its end. */
export interface Outcome {
  /** Requests to strangers that hold the canary, in words: there must be none. */
  readonly leaks: readonly string[];
  /** Log lines and errors, in every form they have, that hold the canary: there must be none. */
  readonly told: readonly string[];
  /** Whether any stranger was asked for anything. */
  readonly strayed: boolean;
  /** Whether the home was shown the canary: one that nobody sees proves nothing. */
  readonly shown: boolean;
}

/** Lists everything, opens all of it, and looks for the canary wherever it must not be. */
export async function follow(world: World, canary: string, open: (log: Log) => Upstream): Promise<Outcome> {
  const lines: string[] = [];
  const log = openLog({ level: 'debug', format: 'json' }, { write: (line) => void lines.push(line) });
  const seen = watch(world, canary);
  const errors = await explore(open(log));
  for (const err of errors) log.error({ err }, 'failed');
  return { ...seen(), told: [...lines, ...errors.flatMap(formsOf)].filter((one) => holds(one, canary)) };
}

/** Says, when asked, who was shown the canary since. */
export function watch({ home, other, secure }: World, canary: string): () => Omit<Outcome, 'told'> {
  const { host } = new URL(home.origin);
  const isAtHome = ({ headers, target }: SeenRequest): boolean => headers.host === host && !target.startsWith(wayBack);
  const isShown = (request: SeenRequest): boolean => holds(JSON.stringify(request), canary);
  const servers = [home, other, secure].map(({ requests }) => ({ requests, from: requests.length }));
  return () => {
    const [atHome = [], ...abroad] = servers.map(({ requests, from }) => requests.slice(from));
    const astray = [...atHome.filter((request) => !isAtHome(request)), ...abroad.flat()];
    return {
      leaks: astray.filter(isShown).map((request) => JSON.stringify(request)),
      strayed: astray.length > 0,
      shown: atHome.filter(isAtHome).some(isShown),
    };
  };
}

async function explore(upstream: Upstream): Promise<unknown[]> {
  const errors: unknown[] = [];
  const attempt = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      errors.push(error);
      return undefined;
    }
  };
  const listing = await attempt(() => upstream.list(undefined, never));
  const found = await attempt(() => upstream.find('x', '1.0.0', never));
  const listed = listing && !('unchanged' in listing) ? new Catalog(listing.claims).find('x', '1.0.0')?.claims : [];
  for (const { source } of [...(listed ?? []), ...(found ? [found] : [])]) {
    await attempt(() => upstream.describe(source, never));
    for (const part of ['archive', 'provenance'] as const) {
      await attempt(async () => {
        const incoming = await upstream.open(source, part, never);
        if (incoming) await readAll(incoming.body, 1e6);
      });
    }
  }
  return errors;
}

function formsOf(error: unknown): string[] {
  const plain = error instanceof Fault ? [error.advice, JSON.stringify(plainFault(error))] : [];
  return [...plain, String(error), JSON.stringify(error), inspect(error, { depth: 20, showHidden: true })];
}
