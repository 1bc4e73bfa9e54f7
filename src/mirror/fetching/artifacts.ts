import { joined, partsOf, type Artifact, type Attachments } from '../../chart/attachments.ts';
import type { ChartVersion } from '../../chart/catalog.ts';
import type { Descriptor, Digest } from '../../chart/digest.ts';
import type { KeptVersion } from '../../chart/holding.ts';
import { readAll } from '../../lib/bytes.ts';
import { SingleFlight } from '../../lib/single-flight.ts';
import { attachmentKey } from '../../store/layout.ts';
import type { Artifacts, FoundArtifact, FoundArtifacts } from '../../upstream/contract.ts';
import { keyOf, type Known } from '../committing/known.ts';
import { changeAttachments, readAttachments } from './attachments.ts';
import { fetchArtifactPart, placesOf } from './fetch-artifact.ts';
import type { FillParts } from './fill.ts';
import { retrying } from './retry.ts';
import type { Urgency } from './turns.ts';

/** What is new beside a version, with all of its bytes. */
interface Taken {
  readonly artifacts: readonly Artifact[];
  readonly blobs: ReadonlyMap<Digest, Part>;
}

type Part = readonly [descriptor: Descriptor, bytes: Uint8Array];

/** A version whose artifacts are looked for. */
interface Looking {
  readonly known: Known;
  readonly version: ChartVersion;
  readonly kept: KeptVersion;
  readonly manifest: Descriptor;
  readonly from: Artifacts;
}

const maxArtifacts = 100;
const maxAsked = 10_000;

/** Fetches what stands beside held charts in their registries: each once however many ask. */
export class ArtifactFills {
  readonly #parts: FillParts;
  readonly #flights = new SingleFlight<Attachments>();
  /** When upstream was asked last and said something, by version. */
  readonly #askedMs = new Map<string, number>();

  constructor(parts: FillParts) {
    this.#parts = parts;
  }

  /**
   * Fetches every artifact of a held version that is not held yet, and keeps them with all of their parts. What was held
   * before stays. Rejects with a fault, and has kept nothing then. Of what came from no registry nothing is said.
   */
  async artifacts(known: Known, version: ChartVersion, kept: KeptVersion, urgency: Urgency): Promise<Attachments> {
    const { manifest } = kept;
    if (!manifest) return {};
    const from = known.settings.upstream.artifacts;
    if (!from) return this.#attach(known, kept, kept.artifacts ?? []);
    const looking = { known, version, kept, manifest, from };
    return this.#flights.run(`${known.id}/${attachmentKey(known.name, kept.archive.digest)}`, async () => {
      const artifacts = await this.#parts.turns.take(known, urgency, () => this.#patiently(looking));
      this.#noteAsked(known, kept);
      return this.#attach(known, kept, artifacts);
    });
  }

  /** How long ago upstream said what is beside a version, to this process: `Infinity` when it never did. */
  askedAgoMs(known: Known, kept: KeptVersion): number {
    return this.#parts.clock.elapsed() - (this.#askedMs.get(askedOf(known, kept)) ?? -Infinity);
  }

  /** Resolves when nothing is being fetched. */
  idle(): Promise<void> {
    return this.#flights.idle();
  }

  #noteAsked(known: Known, kept: KeptVersion): void {
    if (this.#askedMs.size >= maxAsked) this.#askedMs.clear();
    this.#askedMs.set(askedOf(known, kept), this.#parts.clock.elapsed());
  }

  #patiently(looking: Looking): Promise<readonly Artifact[]> {
    const { clock, signal } = this.#parts;
    const attempts = looking.known.settings.retries;
    return retrying(() => this.#look(looking), { attempts, clock, signal });
  }

  /** Everything that is known after upstream was asked, in the order in which it was found. */
  async #look(looking: Looking): Promise<readonly Artifact[]> {
    const { known, kept } = looking;
    const key = attachmentKey(known.name, kept.archive.digest);
    // of a process that died before it could commit, or of another one
    const before = joined(kept, await readAttachments(this.#parts.store, key)).artifacts ?? [];
    const found = await this.#ask(looking, before);
    const taken = await this.#take(looking, before, found);
    if (taken.artifacts.length === 0) return before;
    return this.#keep(key, { before, taken });
  }

  async #ask({ version, manifest, from }: Looking, before: readonly Artifact[]): Promise<FoundArtifacts> {
    const held = (digest: Digest): Promise<Uint8Array | undefined> =>
      this.#held(before.find((one) => one.manifest.digest === digest)?.manifest);
    const [place = ''] = placesOf(version.claims);
    return from.referringTo(place, manifest.digest, held, this.#parts.signal);
  }

  /** What the store does not have, upstream is asked for again. */
  async #held(manifest: Descriptor | undefined): Promise<Uint8Array | undefined> {
    if (!manifest) return undefined;
    const opened = await Promise.resolve(this.#parts.blobs.open(manifest)).catch(() => undefined);
    if (!opened) return undefined;
    return Buffer.isBuffer(opened.body) ? opened.body : readAll(opened.body, manifest.size);
  }

  /** Fetches what is new and fits: together with what is held at most as much as one archive may be. */
  async #take(looking: Looking, before: readonly Artifact[], found: FoundArtifacts): Promise<Taken> {
    const leftOut = [...found.leftOut];
    const artifacts: Artifact[] = [];
    const blobs = new Map<Digest, Part>();
    const held = new Set(partsOf(before).map(({ digest }) => digest));
    let room = looking.known.settings.maxArchiveBytes - sizeOf(before);
    const isHere = (digest: Digest): boolean => held.has(digest) || blobs.has(digest);
    for (const one of found.artifacts.filter((artifact) => !before.some((known) => isSame(known, artifact)))) {
      const size = sizeOf([artifactOf(one)], isHere);
      if (size > room || before.length + artifacts.length >= maxArtifacts) {
        leftOut.push(`${one.tag ?? one.digest}: it is more than is kept beside one chart`);
        continue;
      }
      const parts = await this.#fetch(looking, one, isHere);
      if (!parts) {
        leftOut.push(`${one.tag ?? one.digest}: a part of it is not there`);
        continue;
      }
      room -= size;
      artifacts.push(artifactOf(one));
      for (const part of parts) blobs.set(part[0].digest, part);
    }
    this.#logLeftOut(looking, leftOut);
    return { artifacts, blobs };
  }

  /** All parts of an artifact but those that are here; undefined when upstream has not all of them. */
  async #fetch(
    { known, version }: Looking,
    one: FoundArtifact,
    isHere: (digest: Digest) => boolean,
  ): Promise<readonly Part[] | undefined> {
    const { intake, signal } = this.#parts;
    const fetching = { settings: known.settings, claims: version.claims, intake, signal };
    const parts: Part[] = isHere(one.digest) ? [] : [[artifactOf(one).manifest, one.manifest]];
    for (const blob of one.blobs.filter(({ digest }) => !isHere(digest))) {
      const bytes = await fetchArtifactPart(fetching, blob);
      if (!bytes) return undefined;
      parts.push([blob, bytes]);
    }
    return parts;
  }

  /** Blobs first, then the record; who loses the race for it adds to what the winner wrote. */
  async #keep(
    key: string,
    { before, taken }: { readonly before: readonly Artifact[]; readonly taken: Taken },
  ): Promise<readonly Artifact[]> {
    const { store, blobs } = this.#parts;
    for (const [{ mediaType }, bytes] of taken.blobs.values()) await blobs.put(bytes, mediaType);
    const news = joined({ artifacts: before }, { artifacts: taken.artifacts });
    const recorded = await changeAttachments(store, key, (present) => ({
      ...present,
      ...joined({ artifacts: present.artifacts ?? [] }, news),
    }));
    // between the two a sweep may have taken them for garbage
    for (const [{ digest, mediaType }, bytes] of taken.blobs.values()) {
      if (!(await blobs.check(digest))) await blobs.put(bytes, mediaType);
    }
    return joined(news, recorded).artifacts ?? [];
  }

  /** An archive that the store did not take is not held because something stands beside it. */
  #attach(known: Known, kept: KeptVersion, artifacts: readonly Artifact[]): Attachments {
    // what was found out meanwhile must not be taken back
    const now = known.latest.held(kept.chart, kept.version);
    const isNews = now?.artifacts === undefined || artifacts.length > now.artifacts.length;
    if (now?.archive.digest === kept.archive.digest && isNews) {
      this.#parts.batches.addHolding(known, { ...now, artifacts }, false);
    }
    return { artifacts };
  }

  #logLeftOut({ known, kept }: Looking, leftOut: readonly string[]): void {
    if (leftOut.length === 0) return;
    const { chart, version } = kept;
    this.#parts.log.debug(
      { upstream: known.name, chart, version, leftOut },
      'not all that is beside it can be mirrored',
    );
  }
}

function askedOf({ id }: Known, { chart, version }: KeptVersion): string {
  return `${id}/${keyOf(chart, version)}`;
}

function artifactOf({ digest, mediaType, manifest, blobs, subject, tag }: FoundArtifact): Artifact {
  return {
    manifest: { mediaType, digest, size: manifest.byteLength },
    blobs: blobs.map(({ mediaType: type, digest: name, size }) => ({ mediaType: type, digest: name, size })),
    ...(subject !== undefined && { subject }),
    ...(tag !== undefined && { tag }),
  };
}

/** One that was found under a tag is found again without it when only the tag was removed. */
function isSame({ manifest, tag }: Artifact, found: FoundArtifact): boolean {
  return manifest.digest === found.digest && (found.tag === undefined || tag === found.tag);
}

/** What their parts take together in the store, those that several share counted once. */
function sizeOf(artifacts: readonly Artifact[], isHere: (digest: Digest) => boolean = () => false): number {
  const parts = new Map(partsOf(artifacts).map(({ digest, size }) => [digest, size]));
  return [...parts].reduce((sum, [digest, size]) => (isHere(digest) ? sum : sum + size), 0);
}
