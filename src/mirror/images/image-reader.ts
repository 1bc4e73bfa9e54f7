import { LRUCache } from 'lru-cache';

import type { Digest } from '../../chart/digest.ts';
import { Fault } from '../../chart/fault.ts';
import type { KeptVersion } from '../../chart/holding.ts';
import { maxManifestBytes, readManifest } from '../../formats/oci-manifest.ts';
import { readAll, type OpenBytes } from '../../lib/bytes.ts';
import { Limiter } from '../../lib/limiter.ts';
import { keyOf } from '../committing/known.ts';
import type { ChartRef } from '../contract/doors.ts';
import type { FoundBlob, ImageLists, ImageName, Images, OpenManifest, Referrer } from '../contract/images.ts';
import { notServedYet } from '../offering/refusals.ts';
import { waitAtMost } from '../patience.ts';
import type { Held } from '../reading/reader.ts';
import { Companions, subjectOf, type Companion } from './companions.ts';
import { DigestFinder } from './digest-finder.ts';
import { ImageNames, versionOfTag } from './image-names.ts';
import { ImageSource, type ImageSourceParts } from './image-source.ts';
import { Looks, storeTooSlow } from './looks.ts';
import type { Found } from './parts.ts';

/** A store that takes longer to note what is told keeps nobody waiting. */
const commitWaitMs = 10_000;
/** What is being derived of the same chart is committed along with what waits so long for it. */
const gatherMs = 2_000;
const maxRemembered = 10_000;

/** Charts as a registry has them: what is offered by the same rules as over the other door. */
export class ImageReader implements Images, ImageLists {
  readonly #parts: ImageSourceParts;
  readonly #names: ImageNames;
  readonly #source: ImageSource;
  readonly #finder: DigestFinder;
  readonly #companions: Companions;
  readonly #versions = new LRUCache<string, string>({ max: maxRemembered });
  /** What the store was asked to take before it was told: not again for each who asks. */
  readonly #tried = new WeakSet<KeptVersion>();
  /** Who waits for one may find that it took along what he has. */
  readonly #commits = new Limiter(1);

  constructor(parts: ImageSourceParts) {
    const { engine, reader } = parts;
    this.#parts = parts;
    this.#names = new ImageNames(() => engine.repositories);
    this.#source = new ImageSource(parts);
    this.#finder = new DigestFinder({ reader, source: this.#source, looks: new Looks(engine, reader.coldWaitMs) });
    this.#companions = new Companions({
      engine,
      versionWith: (name, digest) => this.#versionWith(name, digest),
      read: (name, companion) => this.#readCompanion(name, companion),
      coldWaitMs: reader.coldWaitMs,
    });
  }

  charts(repository: string): readonly string[] {
    return this.#names.charts(repository);
  }

  tags(name: ImageName): readonly string[] | Promise<readonly string[]> {
    return this.#names.tags(name);
  }

  tagged(name: ImageName, tag: string): OpenManifest | Promise<OpenManifest> {
    const version = this.#versionOf(tag);
    if (version === undefined) return this.#beside(name, tag);
    const ref = { repository: name.repository, chart: name.chart, version };
    const held = this.#parts.reader.find(ref);
    return held instanceof Promise ? held.then((one) => this.#tell(ref, one)) : this.#tell(ref, held);
  }

  manifest(name: ImageName, digest: Digest): OpenManifest | Promise<OpenManifest> {
    const found = this.#finder.find(name, 'manifest', digest);
    if (found instanceof Promise) return found.then((one) => this.#openNoted(one));
    return this.#unnoted(found) ? this.#openNoted(found) : this.#open(found);
  }

  blob(name: ImageName, digest: Digest): FoundBlob | Promise<FoundBlob> {
    const found = this.#finder.find(name, 'blob', digest);
    return found instanceof Promise ? found.then((one) => this.#blobOf(one)) : this.#blobOf(found);
  }

  async referrers(name: ImageName, digest: Digest): Promise<readonly Referrer[]> {
    const referrers = await this.#companions.referrers(name, digest);
    const about = referrers.length > 0 ? await this.#versionWith(name, digest) : undefined;
    if (about) await this.#note(about);
    return referrers;
  }

  /** Reading a version takes longer than answering. */
  #versionOf(tag: string): string | undefined {
    const known = this.#versions.get(tag);
    if (known !== undefined) return known;
    const version = versionOfTag(tag);
    if (version !== undefined) this.#versions.set(tag, version);
    return version;
  }

  #tell(ref: ChartRef, held: Held): OpenManifest | Promise<OpenManifest> {
    const found = this.#source.present(ref, held);
    return found && !this.#unnoted(found) ? this.#open(found) : this.#prepare(ref, held);
  }

  /** Finds out all that the manifest is to name, and has every replica know it, before anybody is told. */
  async #prepare(ref: ChartRef, held: Held): Promise<OpenManifest> {
    const { reader } = this.#parts;
    const found = await reader.waiting(this.#source.complete(ref, held), ref);
    const manifest = await this.#openNoted(found);
    this.#finder.note(found, namedBy(manifest));
    if (isNew(found, held)) this.#source.deriveOthers(found);
    return manifest;
  }

  async #beside(name: ImageName, tag: string): Promise<OpenManifest> {
    const companion = await this.#companions.tagged(name, tag);
    if (!companion) throw unknownTag(name, tag);
    return this.#openNoted(this.#foundBeside(name, companion));
  }

  #foundBeside({ repository, chart }: ImageName, { known, version, kept, descriptor }: Companion): Found {
    const ref = { repository, chart, version: version.version };
    return { ref, known, version, kept, part: { what: 'artifact', descriptor } };
  }

  async #readCompanion(name: ImageName, companion: Companion): Promise<Uint8Array> {
    return (await this.#open(this.#foundBeside(name, companion))).bytes;
  }

  /** Undefined only where it can be told that there is none. */
  async #versionWith(name: ImageName, digest: Digest): Promise<Held | undefined> {
    try {
      return await this.#finder.find(name, 'manifest', digest);
    } catch (error) {
      if (error instanceof Fault && error.code === 'not-found') return undefined;
      throw error;
    }
  }

  #open(found: Found): OpenManifest | Promise<OpenManifest> {
    const opened = this.#source.open(found);
    if (opened instanceof Promise) return opened.then((one) => manifestIn(found, one));
    return Buffer.isBuffer(opened.body)
      ? { descriptor: found.part.descriptor, bytes: opened.body }
      : manifestIn(found, opened);
  }

  async #openNoted(found: Found): Promise<OpenManifest> {
    const manifest = await this.#open(found);
    await this.#note(found);
    // the rules may have changed meanwhile
    if (!this.#parts.reader.mayLeave(found.ref, found)) throw notServedYet(found.ref);
    return manifest;
  }

  #blobOf(found: Found): FoundBlob {
    const { descriptor } = found.part;
    return { descriptor, open: (range) => this.#source.open(found, range) };
  }

  /** What is held of a version and no other replica can know of, unless the store was asked to take it before. */
  #unnoted({ known, kept }: Held): KeptVersion | undefined {
    const fresh = known.latest.fresh.get(keyOf(kept.chart, kept.version));
    return fresh && !this.#tried.has(fresh) ? fresh : undefined;
  }

  /** A store that cannot be written keeps nobody from what is here, and is tried once for what was told. */
  async #note(held: Held): Promise<void> {
    const fresh = this.#unnoted(held);
    if (!fresh) return;
    await this.#withinMs(gatherMs, this.#parts.engine.fetches.derivations.ahead.underWay(held.known, held.kept.chart));
    await this.#withinMs(
      commitWaitMs,
      this.#commits.run(() => this.#commit(held)),
    );
    this.#tried.add(fresh);
  }

  async #commit(held: Held): Promise<void> {
    if (this.#unnoted(held)) await this.#parts.engine.commit();
  }

  async #withinMs(maxMs: number, work: Promise<void> | undefined): Promise<void> {
    const { engine, reader } = this.#parts;
    const waitMs = Math.min(maxMs, reader.coldWaitMs());
    if (work) await waitAtMost(work, waitMs, engine.clock, storeTooSlow).catch(() => undefined);
  }
}

async function manifestIn({ part }: Found, { body }: OpenBytes): Promise<OpenManifest> {
  return { descriptor: part.descriptor, bytes: Buffer.isBuffer(body) ? body : await readAll(body, maxManifestBytes) };
}

/** Whether a manifest was derived that nobody told of before. */
function isNew({ part }: Found, { kept: { images = [] } }: Held): boolean {
  return part.what === 'derived' && !images.some(({ manifest }) => manifest.digest === part.descriptor.digest);
}

/** What a chart's manifest is asked for next. */
function namedBy({ descriptor, bytes }: OpenManifest): readonly Digest[] {
  const read = readManifest(bytes);
  const { config, archive, provenance } = read.kind === 'chart' ? read.chart : {};
  return [descriptor, config, archive, provenance].flatMap((one) => one?.digest ?? []);
}

function unknownTag({ repository, chart }: ImageName, tag: string): Fault {
  if (subjectOf(tag))
    return new Fault(
      'not-found',
      `Nothing hangs on the tag ${tag} of ${chart}.`,
      'Its upstream had nothing there when it was last asked.',
    );
  const message = `${tag} is no version, so ${repository} has no such tag of ${chart}.`;
  return new Fault('not-found', message, 'The tags of a chart are its versions, with _ where they have +.');
}
