import { gunzipSync } from 'node:zlib';

import { readAll } from '../../../src/lib/bytes.ts';
import type { ObjectStore } from '../../../src/store/contract.ts';
import { hexDigest } from '../../support/charts.ts';
import { Broken } from '../observer.ts';

interface Descriptor {
  readonly digest: string;
  readonly size: number;
}

interface Kept {
  readonly archive: Descriptor;
  readonly provenance?: Descriptor | 'none';
}

/** What is looked at in one pass: the size of every object by its key. */
type Sizes = Map<string, number>;

/**
 * Looks at what a dead server left, from outside: every blob and table hashes to its name, every record can be read and
 * names blobs that are there, and `state.json` names tables that are there and name blobs that are there. What was found
 * sound is looked at again only when it is another object. Rejects with `Broken`.
 */
export class Audit {
  readonly #store: ObjectStore;
  readonly #sound = new Map<string, string>();

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  /** How many objects the last pass saw. */
  objects = 0;

  async pass(): Promise<void> {
    const infos = await Array.fromAsync(this.#store.list(''));
    const sizes: Sizes = new Map(infos.map(({ key, size }) => [key, size]));
    for (const { key, etag } of infos) {
      if (this.#sound.get(key) !== etag) await this.#look(key, sizes);
      this.#sound.set(key, etag);
    }
    this.objects = infos.length;
    if (sizes.has('state.json')) await this.#lookAtState(sizes);
  }

  /** The same as if nothing had ever been looked at. */
  async passAnew(): Promise<void> {
    this.#sound.clear();
    await this.pass();
  }

  async #look(key: string, sizes: Sizes): Promise<void> {
    const bytes = await this.#bytesAt(key);
    // a bucket may do what it was asked for by one who is dead
    if (!bytes) return void sizes.delete(key);
    const [folder] = key.split('/', 1);
    if (folder === 'blobs') insist(key.endsWith(`/${hexDigest(bytes)}`), `${key} does not hash to its name`);
    else if (folder === 'catalogs' || folder === 'snapshots') textOf(key, bytes);
    else if (folder === 'holdings') requireKept(key, parsed<Kept>(key, bytes), sizes);
    else if (folder === 'attachments') requireBlob(key, parsed<Kept>(key, bytes).provenance, sizes);
    else parsed(key, bytes);
  }

  async #lookAtState(sizes: Sizes): Promise<void> {
    const { upstreams } = parsed<{
      readonly upstreams: Readonly<Record<string, { readonly catalog?: string; readonly snapshot?: string }>>;
    }>('state.json', (await this.#bytesAt('state.json')) ?? Buffer.from(''));
    for (const { catalog, snapshot } of Object.values(upstreams)) {
      if (catalog)
        insist(sizes.has(tableKey('catalogs', catalog)), `state.json names the catalog ${catalog}, which is not there`);
      if (snapshot) await this.#lookAtSnapshot(tableKey('snapshots', snapshot), sizes);
    }
  }

  async #lookAtSnapshot(key: string, sizes: Sizes): Promise<void> {
    insist(sizes.has(key), `state.json names ${key}, which is not there`);
    for (const line of textOf(key, (await this.#bytesAt(key)) ?? Buffer.from(''))
      .split('\n')
      .filter(Boolean)) {
      const [chart = '', version = '', rest = ''] = line.split('\t');
      requireKept(`${key}, ${chart} ${version}`, JSON.parse(rest) as Kept, sizes);
    }
  }

  async #bytesAt(key: string): Promise<Buffer | undefined> {
    const object = await this.#store.read(key);
    if (!object) return undefined;
    return Buffer.isBuffer(object.body) ? object.body : readAll(object.body, object.size);
  }
}

function requireKept(where: string, { archive, provenance }: Kept, sizes: Sizes): void {
  requireBlob(where, archive, sizes);
  requireBlob(where, provenance, sizes);
}

function requireBlob(where: string, wanted: Descriptor | 'none' | undefined, sizes: Sizes): void {
  if (wanted === undefined || wanted === 'none') return;
  const hex = wanted.digest.replace('sha256:', '');
  const size = sizes.get(`blobs/sha256/${hex.slice(0, 2)}/${hex}`);
  insist(
    size === wanted.size,
    `${where} names ${wanted.digest}, which has ${size ?? 'no'} bytes instead of ${wanted.size}`,
  );
}

function tableKey(folder: 'catalogs' | 'snapshots', digest: string): string {
  return `${folder}/sha256/${digest.replace('sha256:', '')}.gz`;
}

/** The text of a table, which it is named after. */
function textOf(key: string, packed: Buffer): string {
  try {
    const text = gunzipSync(packed);
    insist(key.endsWith(`/${hexDigest(text)}.gz`), `${key} does not hash to its name`);
    return text.toString('utf8');
  } catch (error) {
    throw error instanceof Broken ? error : new Broken(`${key} cannot be unpacked: ${String(error)}`);
  }
}

function parsed<T>(key: string, bytes: Buffer): T {
  try {
    return JSON.parse(bytes.toString('utf8')) as T;
  } catch (error) {
    throw new Broken(`${key} is no JSON: ${String(error)}`);
  }
}

function insist(holds: boolean, otherwise: string): void {
  if (!holds) throw new Broken(otherwise);
}
