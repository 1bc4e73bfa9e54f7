import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

/** A promise to a client was broken. The message says which. */
export class Broken extends Error {
  override readonly name = 'Broken';
}

/** One version as an index lists it. */
export interface Row {
  readonly chart: string;
  readonly version: string;
  /** Bare hex, as indexes write it. */
  readonly digest: string | undefined;
  /** Of the archive, from the root: `/charts/nginx/nginx-1.2.3.tgz`. */
  readonly path: string;
}

/** What came for one request. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
}

/** What is known of the server that is looked at. */
export interface Circumstances {
  /** It is being killed now: it may leave a connection, but what it says must be right. */
  readonly dying?: boolean;
  /** It may be so far behind what other addresses were seen to serve. */
  readonly lagMs?: number;
}

export interface Look extends Circumstances {
  /** How many of the files that were served before are read again: the ones not read for longest. None unless said. */
  readonly again?: number;
  /** Also asks for what no client could have yet: versions listed for the first time, with their provenance. */
  readonly fresh?: boolean;
}

/** A version that was listed: when first, and when first at which address. */
interface Listed {
  readonly atMs: number;
  readonly places: Map<string, number>;
  digest: string | undefined;
}

/** A file that was served: as what last, its digest, and what that was or may become when an operator changes it. */
interface Served {
  readonly atMs: number;
  seen?: string;
  hex: string;
  next?: string;
  before?: { readonly hex: string; readonly untilMs: number };
}

/**
 * A client that keeps a ledger of everything it ever saw, at one address or several, and rejects with `Broken` at the
 * first word that does not agree with it. What was listed stays listed; what was served once is served, with the same
 * bytes; the index says the digest of the bytes that are served. It knows nothing of the server but the addresses.
 */
export class Observer {
  readonly #listed = new Map<string, Listed>();
  /** By path, the one not read for longest first. */
  readonly #served = new Map<string, Served>();
  readonly #unsigned = new Set<string>();
  #reads = 0;

  /** How many answers it judged. */
  get reads(): number {
    return this.#reads;
  }

  /** Every version ever listed, as `<chart> <version>`. */
  get versions(): ReadonlySet<string> {
    return new Set(this.#listed.keys());
  }

  /** Every file ever served. */
  get files(): ReadonlySet<string> {
    return new Set(this.#served.keys());
  }

  /** The digest, in hex, of what this file was when it was read last; undefined when it never was. */
  seen(path: string): string | undefined {
    return this.#served.get(path)?.seen;
  }

  /** An operator accepts other bytes for this file: it may become those with this digest, in hex. */
  mayBecome(path: string, hex: string): void {
    const served = this.#served.get(path);
    if (served) served.next = hex;
  }

  /** The operator's word was taken: it is those bytes now. */
  hasBecome(path: string, hex: string): void {
    const served = this.#served.get(path);
    if (!served || served.hex === hex) return;
    served.before = { hex: served.hex, untilMs: performance.now() };
    served.hex = hex;
    delete served.next;
  }

  /** The index, then files. Answers false when a dying server left before the end. */
  async look(url: string, { again = 0, fresh = false, ...circumstances }: Look = {}): Promise<boolean> {
    try {
      const rows = await this.index(url, circumstances);
      if (fresh) await this.#readFresh(url, rows, circumstances);
      for (const path of [...this.#served.keys()].slice(0, again)) await this.read(url, path, circumstances);
      return true;
    } catch (error) {
      if (circumstances.dying && error instanceof Left) return false;
      throw error;
    }
  }

  /** As `look`, over and over, until the server has left; it must be one that is dying. */
  async lookUntilItLeaves(url: string, look: Look = {}): Promise<void> {
    while (await this.look(url, { ...look, dying: true })) await sleep(10);
  }

  /** The rows of the index, which must be whole and list all it ever listed. */
  async index(url: string, { lagMs = 0 }: Circumstances = {}): Promise<readonly Row[]> {
    const askedMs = performance.now();
    const rows = rowsOf(url, await ask(url, '/index.yaml'));
    this.#reads += 1;
    const seen = new Set(rows.map(nameOf));
    if (seen.size < rows.length) throw new Broken(`${url}/index.yaml lists a version twice`);
    for (const [name, { atMs, places }] of this.#listed) {
      const isDue = askedMs > (places.get(url) ?? atMs + lagMs);
      if (isDue && !seen.has(name)) throw new Broken(`${url}/index.yaml does not list ${name} any more`);
    }
    for (const row of rows) this.#note(url, row, askedMs - lagMs);
    return rows;
  }

  /** One file. What was served before must come, as it was; of anything else only the bytes are judged. */
  async read(url: string, path: string, { lagMs = 0 }: Circumstances = {}): Promise<Answer> {
    const askedMs = performance.now();
    const answer = await ask(url, path);
    this.#reads += 1;
    const served = this.#served.get(path);
    if (answer.status === 200) this.#judge(url, path, answer.body, askedMs - lagMs);
    else if (served && askedMs - served.atMs > lagMs) {
      throw new Broken(`${url}${path} was served before and answers ${answer.status}: ${textOf(answer)}`);
    }
    return answer;
  }

  /**
   * A file that was served before, as those ask who want to know whether it is there, have it already, or lost the
   * connection half way: HEAD, If-None-Match, and a part of it.
   */
  async readSparingly(url: string, path: string): Promise<void> {
    const { headers, body } = await this.read(url, path);
    const etag = headers.get('etag') ?? '';
    const asked = [
      { init: { method: 'HEAD' }, status: 200, bytes: body.subarray(0, 0) },
      { init: { headers: { 'if-none-match': etag } }, status: 304, bytes: body.subarray(0, 0) },
      { init: { headers: { range: 'bytes=10-19', 'if-range': etag } }, status: 206, bytes: body.subarray(10, 20) },
    ];
    // a server may ignore ranges
    const ranges = headers.get('accept-ranges') === 'bytes';
    for (const { init, status, bytes } of asked.slice(0, ranges ? 3 : 2)) {
      const answer = await ask(url, path, init);
      this.#reads += 1;
      const kind = `${url}${path} asked with ${JSON.stringify(init)}`;
      if (answer.status !== status) throw new Broken(`${kind} answered ${answer.status}: ${textOf(answer)}`);
      if (!answer.body.equals(bytes)) throw new Broken(`${kind} answered with other bytes`);
      if (answer.headers.get('etag') !== etag) throw new Broken(`${kind} answered with another ETag`);
    }
  }

  async #readFresh(url: string, rows: readonly Row[], circumstances: Circumstances): Promise<void> {
    for (const { path } of rows) {
      if (!this.#served.has(path)) await this.read(url, path, circumstances);
      const provenance = `${path}.prov`;
      if (this.#served.has(provenance) || this.#unsigned.has(provenance)) continue;
      const { status } = await this.read(url, provenance, circumstances);
      if (status === 404) this.#unsigned.add(provenance);
    }
  }

  #note(url: string, row: Row, asOfMs: number): void {
    const { path, digest } = row;
    const nowMs = performance.now();
    const listed = this.#listed.get(nameOf(row)) ?? { atMs: nowMs, places: new Map<string, number>(), digest };
    if (!listed.places.has(url)) listed.places.set(url, nowMs);
    listed.digest = digest;
    this.#listed.set(nameOf(row), listed);
    const served = this.#served.get(path);
    if (!served || digest === undefined) return;
    if (!mayBe(served, digest, asOfMs)) {
      throw new Broken(`${url}/index.yaml says ${digest} of ${nameOf(row)}, which was served as ${served.hex}`);
    }
    // an index says what is kept for good
    if (digest === served.next) this.hasBecome(path, digest);
  }

  #judge(url: string, path: string, body: Buffer, asOfMs: number): void {
    const hex = createHash('sha256').update(body).digest('hex');
    const served = this.#served.get(path) ?? { atMs: performance.now(), hex: this.#promised(path) ?? hex };
    if (!mayBe(served, hex, asOfMs)) throw new Broken(`${url}${path} is ${hex}, and was to be ${served.hex}`);
    served.seen = hex;
    // read last, so it is last in turn to be read again
    this.#served.delete(path);
    this.#served.set(path, served);
  }

  #promised(path: string): string | undefined {
    const [, chart = '', version = ''] = /^\/(?:[^/]+\/)?charts\/([^/]+)\/\1-([^/]+)\.tgz$/.exec(path) ?? [];
    return this.#listed.get(`${chart} ${version}`)?.digest;
  }
}

function mayBe({ hex, next, before }: Served, seen: string, asOfMs: number): boolean {
  return seen === hex || seen === next || (seen === before?.hex && asOfMs <= before.untilMs);
}

/** The server closed the connection, or there is none to be had. */
class Left extends Error {
  override readonly name = 'Left';
}

async function ask(url: string, path: string, init: RequestInit = {}): Promise<Answer> {
  try {
    return await fetch(url + path, init).then(whole);
  } catch (error) {
    throw new Left(`${url}${path} did not answer to the end`, { cause: error });
  }
}

async function whole(answer: Response): Promise<Answer> {
  return { status: answer.status, headers: answer.headers, body: Buffer.from(await answer.arrayBuffer()) };
}

interface IndexText {
  readonly apiVersion: string;
  readonly entries: Readonly<
    Record<string, readonly { name: string; version: string; digest?: string; urls: [string] }[]>
  >;
}

function rowsOf(url: string, answer: Answer): readonly Row[] {
  if (answer.status !== 200) throw new Broken(`${url}/index.yaml answered ${answer.status}: ${textOf(answer)}`);
  try {
    const { apiVersion, entries } = JSON.parse(answer.body.toString('utf8')) as IndexText;
    if (apiVersion !== 'v1') throw new Error('it is of no version that is known');
    return Object.entries(entries).flatMap(([chart, rows]) =>
      rows.map(({ name, version, digest, urls: [path] }) => {
        if (name !== chart || !path.startsWith(`charts/${chart}/`)) throw new Error(`${chart} ${version} is no row`);
        return { chart, version, digest, path: `/${path}` };
      }),
    );
  } catch (error) {
    throw new Broken(`${url}/index.yaml is not whole: ${String(error)}`, { cause: error });
  }
}

function nameOf({ chart, version }: Row): string {
  return `${chart} ${version}`;
}

function textOf({ body }: Answer): string {
  return body.toString('utf8', 0, 300);
}
