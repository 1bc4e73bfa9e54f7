import type { SourceRef } from '../../chart/claim.ts';
import { digestOf, hexOf, isDigest, type Descriptor, type Digest } from '../../chart/digest.ts';
import { Fault } from '../../chart/fault.ts';
import { isManifestType, readArtifact } from '../../formats/oci-artifact.ts';
import { readConfig } from '../../formats/oci-manifest.ts';
import { mapAtOnce } from '../../lib/at-once.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Artifacts, FoundArtifact, FoundArtifacts, HeldManifest, Incoming } from '../contract.ts';
import type { AttachedTags } from './attached-tags.ts';
import type { RegistryClient } from './client.ts';
import { readSource } from './source.ts';

interface ChartArtifactsOptions {
  readonly upstream: string;
  readonly registry: RegistryClient;
  readonly tags: AttachedTags;
  readonly clock: Clock;
}

/** What something is found by: a tag that leads to it, or its digest. */
interface Reference {
  readonly digest: Digest | undefined;
  readonly tag?: string | undefined;
}

/** Whether a tag may be there. */
type MayHave = (tag: string) => boolean;

/** One look at what is beside a chart. */
interface Look {
  readonly repository: string;
  readonly held: HeldManifest;
  readonly signal: AbortSignal;
  readonly found: Map<Digest, FoundArtifact>;
  readonly leftOut: string[];
  /** What its manifests take in memory so far. */
  readonly taken: { bytes: number };
}

/** The tags that cosign hangs signatures, attestations and bills of materials on. */
const kinds = ['sig', 'att', 'sbom'] as const;
const maxArtifacts = 100;
/** A look ends with at most a few of the largest manifests more than this in memory. */
const maxLookBytes = 8 * 1024 * 1024;
const width = 4;
/** A registry may learn to list referrers. */
const withoutReferrersMs = 60 * 60_000;

/** What stands beside charts in their registry. */
export class ChartArtifacts implements Artifacts {
  readonly #options: ChartArtifactsOptions;
  /** Repositories whose registry does not list referrers, and when it said so. */
  readonly #withoutReferrers = new Map<string, number>();

  constructor(options: ChartArtifactsOptions) {
    this.#options = options;
  }

  async referringTo(
    source: SourceRef,
    manifest: Digest,
    held: HeldManifest,
    signal: AbortSignal,
  ): Promise<FoundArtifacts> {
    const repository = this.#read(source);
    const look: Look = { repository, held, signal, found: new Map(), leftOut: [], taken: { bytes: 0 } };
    await this.#lookBeside(look, manifest);
    // a signature of a bill of materials
    for (const digest of [...look.found.keys()]) await this.#lookBeside(look, digest);
    return { artifacts: [...look.found.values()], leftOut: look.leftOut };
  }

  async open(source: SourceRef, part: Descriptor, signal: AbortSignal): Promise<Incoming | undefined> {
    const { registry } = this.#options;
    const repository = this.#read(source);
    if (!isManifestType(part.mediaType)) {
      const blob = await registry.blob(repository, part, signal);
      return blob && { ...blob, digest: part.digest };
    }
    const manifest = await registry.manifest(repository, part.digest, signal);
    return manifest && { size: manifest.bytes.length, body: inOnePiece(manifest.bytes), digest: part.digest };
  }

  async #lookBeside(look: Look, subject: Digest): Promise<void> {
    const mayHave = await this.#options.tags.of(look.repository, look.signal);
    const tagged = await mapAtOnce(kinds, width, look.signal, (kind, signal) =>
      this.#tagged({ ...look, signal }, `sha256-${hexOf(subject)}.${kind}`, mayHave),
    );
    const referring = await this.#referring(look, subject, mayHave);
    const references = [...tagged.flat(), ...referring.map((digest): Reference => ({ digest }))];
    const unknown = references.filter(({ digest, tag }) => tag !== undefined || !look.found.has(digest ?? subject));
    const room = Math.max(0, maxArtifacts - look.found.size);
    if (unknown.length > room) look.leftOut.push(`more than ${maxArtifacts} artifacts`);
    const read = await mapAtOnce(unknown.slice(0, room), width, look.signal, (one, signal) =>
      this.#fetch({ ...look, signal }, subject, one),
    );
    for (const one of read) {
      if (one) look.found.set(one.digest, { ...look.found.get(one.digest), ...one });
    }
  }

  /** What a tag of cosign's leads to. Most registries do not count a HEAD. */
  async #tagged({ repository, signal }: Look, tag: string, mayHave: MayHave): Promise<readonly Reference[]> {
    const there = mayHave(tag) ? await this.#options.registry.head(repository, tag, signal) : undefined;
    return there ? [{ digest: there.digest, tag }] : [];
  }

  async #referring(look: Look, subject: Digest, mayHave: MayHave): Promise<readonly Digest[]> {
    const { clock, registry } = this.#options;
    const { repository, signal } = look;
    const sinceMs = clock.elapsed() - (this.#withoutReferrers.get(repository) ?? -Infinity);
    const listed = sinceMs < withoutReferrersMs ? undefined : await registry.referrers(repository, subject, signal);
    if (listed) return listed;
    if (sinceMs >= withoutReferrersMs) this.#withoutReferrers.set(repository, clock.elapsed());
    return this.#fallback(look, `sha256-${hexOf(subject)}`, mayHave);
  }

  /** Without a list of referrers, clients keep one themselves (distribution specification, referrers tag schema). */
  async #fallback({ repository, signal }: Look, tag: string, mayHave: MayHave): Promise<readonly Digest[]> {
    const index = mayHave(tag) ? await this.#options.registry.manifest(repository, tag, signal) : undefined;
    const entries = (index && readConfig(index.bytes)?.['manifests']) ?? [];
    const digests = Array.isArray(entries)
      ? entries.map((one) => String((one as { digest?: unknown } | null)?.digest))
      : [];
    return [...new Set(digests.filter(isDigest))];
  }

  /** Undefined, with a word in `leftOut`, for what cannot be mirrored. */
  async #fetch(look: Look, subject: Digest, reference: Reference): Promise<FoundArtifact | undefined> {
    const { digest, tag } = reference;
    const name = tag ?? digest ?? subject;
    const manifest = await this.#manifest(look, name, digest);
    const artifact = typeof manifest === 'string' ? { why: manifest } : readArtifact(manifest);
    if (typeof manifest === 'string' || 'why' in artifact) {
      look.leftOut.push(`${name}: ${'why' in artifact ? artifact.why : ''}`);
      return undefined;
    }
    if (tag === undefined && artifact.subject !== subject) {
      look.leftOut.push(`${name}: it is listed, and refers to something else`);
      return undefined;
    }
    const { mediaType, blobs, subject: refersTo } = artifact;
    const found = { manifest, mediaType, digest: digestOf(manifest), blobs, subject: refersTo };
    return tag === undefined ? found : { ...found, tag };
  }

  /** Its bytes, or why there are none. */
  async #manifest(look: Look, name: string, digest: Digest | undefined): Promise<Uint8Array | string> {
    const { repository, held, signal, taken } = look;
    if (taken.bytes >= maxLookBytes) return 'the manifests of those before it are too large together';
    const ours = digest && (await held(digest));
    const asked = () => this.#options.registry.manifest(repository, digest ?? name, signal);
    const found = ours ?? (await asked().then((manifest) => manifest?.bytes ?? 'its manifest is not there', tooLarge));
    if (typeof found !== 'string') taken.bytes += found.length;
    return found;
  }

  #read(source: SourceRef): string {
    const place = readSource(source);
    if (place) return place.repository;
    const message = `${this.#options.upstream}: it is not known where in the registry a chart came from.`;
    throw new Fault('invalid-reference', message, 'Its next listing tells.');
  }
}

function tooLarge(error: unknown): string {
  if (error instanceof Fault && error.code === 'too-large') return 'its manifest is too large';
  throw error;
}

async function* inOnePiece(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}
