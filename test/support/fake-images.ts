import { Readable } from 'node:stream';

import { digestOf, type Descriptor, type Digest } from '../../src/chart/digest.ts';
import { Fault } from '../../src/chart/fault.ts';
import type { ByteRange, OpenBytes } from '../../src/lib/bytes.ts';
import type {
  FoundBlob,
  ImageLists,
  ImageName,
  Images,
  OpenManifest,
  Referrer,
} from '../../src/mirror/contract/images.ts';

/** What one chart has in one repository. */
interface FakeName {
  readonly tagged: Map<string, OpenManifest>;
  readonly manifests: Map<Digest, OpenManifest>;
  readonly blobs: Map<Digest, FoundBlob>;
  readonly referrers: Map<Digest, readonly Referrer[]>;
  /** Made anew when it changes. */
  tags: readonly string[];
}

/** Where to put something. */
export interface FakePlace {
  readonly repository?: string;
  readonly chart?: string;
}

const usualManifestType = 'application/vnd.oci.image.manifest.v1+json';

/** Images that are put into it, and whose troubles are chosen. What it was asked is counted. */
export class FakeImages implements Images, ImageLists {
  readonly #names = new Map<string, FakeName>();
  readonly #charts = new Map<string, readonly string[]>();
  readonly #faults = new Map<string, unknown>();
  /** How bytes come out: at once, or as a stream that takes its time. */
  delivery: 'memory' | 'later' = 'memory';
  /** Waited for before anything is answered, when set. */
  waiting: Promise<void> | undefined;
  readonly asked = { tagged: 0, manifest: 0, blob: 0, open: 0, referrers: 0, lists: 0 };

  /** Offers a manifest, by these tags and by its digest, which is the answer. */
  putManifest(bytes: Buffer, tags: readonly string[] = [], options: FakePlace & { mediaType?: string } = {}): Digest {
    const name = this.#place(options);
    const digest = digestOf(bytes);
    const { mediaType = usualManifestType } = options;
    const manifest: OpenManifest = { descriptor: { mediaType, digest, size: bytes.length }, bytes };
    name.manifests.set(digest, manifest);
    for (const tag of tags) name.tagged.set(tag, manifest);
    name.tags = [...name.tagged.keys()].filter((tag) => !tag.startsWith('sha256-')).toSorted();
    return digest;
  }

  putBlob(bytes: Buffer, place: FakePlace = {}): Digest {
    const digest = digestOf(bytes);
    this.#place(place).blobs.set(digest, this.#blobOf(bytes, digest));
    return digest;
  }

  putReferrers(subject: Digest, referrers: readonly Referrer[], place: FakePlace = {}): void {
    this.#place(place).referrers.set(subject, referrers);
  }

  /** Whoever asks for this tag, digest, chart or repository is told `error`, which need not be a fault. */
  fail(what: string, error: unknown): void {
    this.#faults.set(what, error);
  }

  charts(repository: string): readonly string[] {
    this.asked.lists += 1;
    this.#meetFault(repository);
    return this.#charts.get(repository) ?? [];
  }

  tags(name: ImageName): readonly string[] {
    this.asked.lists += 1;
    this.#meetFault(name.chart);
    const found = this.#find(name);
    if (!found || found.tags.length === 0) throw missing(name.chart);
    return found.tags;
  }

  tagged(name: ImageName, tag: string): OpenManifest | Promise<OpenManifest> {
    this.asked.tagged += 1;
    return this.#soon(() => this.#must(name, tag, (found) => found.tagged.get(tag)));
  }

  manifest(name: ImageName, digest: Digest): OpenManifest | Promise<OpenManifest> {
    this.asked.manifest += 1;
    return this.#soon(() => this.#must(name, digest, (found) => found.manifests.get(digest)));
  }

  blob(name: ImageName, digest: Digest): FoundBlob | Promise<FoundBlob> {
    this.asked.blob += 1;
    return this.#soon(() => this.#must(name, digest, (found) => found.blobs.get(digest)));
  }

  async referrers(name: ImageName, digest: Digest): Promise<readonly Referrer[]> {
    this.asked.referrers += 1;
    await this.waiting;
    this.#meetFault(digest);
    return this.#find(name)?.referrers.get(digest) ?? [];
  }

  #blobOf(bytes: Buffer, digest: Digest): FoundBlob {
    const descriptor: Descriptor = { mediaType: 'application/x', digest, size: bytes.length };
    const open = (range?: ByteRange): OpenBytes | Promise<OpenBytes> => {
      this.asked.open += 1;
      const body = range ? bytes.subarray(range.start, range.end + 1) : bytes;
      const sized = { size: body.length, total: bytes.length };
      if (this.delivery === 'memory') return { ...sized, body };
      return Promise.resolve({ ...sized, body: Readable.from([body], { objectMode: false }) });
    };
    return { descriptor, open };
  }

  #soon<T>(find: () => T): T | Promise<T> {
    return this.waiting ? this.waiting.then(find) : find();
  }

  #must<T>(name: ImageName, what: string, find: (found: FakeName) => T | undefined): T {
    this.#meetFault(what);
    const names = this.#find(name);
    const found = names && find(names);
    if (found === undefined) throw missing(`${name.chart} ${what}`);
    return found;
  }

  #meetFault(what: string): void {
    if (this.#faults.has(what)) throw this.#faults.get(what);
  }

  #find({ repository, chart }: ImageName): FakeName | undefined {
    return this.#names.get(`${repository}/${chart}`);
  }

  #place({ repository = 'all', chart = 'nginx' }: FakePlace): FakeName {
    const key = `${repository}/${chart}`;
    const known = this.#names.get(key);
    if (known) return known;
    const made: FakeName = {
      tagged: new Map(),
      manifests: new Map(),
      blobs: new Map(),
      referrers: new Map(),
      tags: [],
    };
    this.#names.set(key, made);
    this.#charts.set(repository, [...(this.#charts.get(repository) ?? []), chart].toSorted());
    return made;
  }
}

function missing(what: string): Fault {
  return new Fault('not-found', `There is no ${what} here.`, 'Look at the list of tags.');
}
