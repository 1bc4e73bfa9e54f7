import { partsOf, type DerivedImage } from '../../chart/attachments.ts';
import type { KnownClaim } from '../../chart/claim.ts';
import type { Descriptor, Digest } from '../../chart/digest.ts';
import type { KeptVersion } from '../../chart/holding.ts';

/** What a chart version needs a blob for. */
export interface Need {
  readonly upstream: string;
  readonly chart: string;
  readonly version: string;
  readonly part: 'archive' | 'provenance' | 'manifest' | 'config' | 'artifact';
  readonly descriptor: Descriptor;
}

const maxNamed = 5;
const words: Readonly<Record<Need['part'], string>> = {
  archive: 'the archive of',
  provenance: 'the provenance of',
  manifest: 'the manifest of',
  config: 'the config of',
  artifact: 'a part of what stands beside',
};

/** Which chart versions need which blobs, collected while records are read. */
export class Needs {
  readonly #byDigest = new Map<Digest, Need[]>();
  /** Named by attachments of an archive that nobody holds. */
  readonly #mentioned = new Set<Digest>();
  /** By archive: the images that were derived of it, as they were told and as they are kept. */
  readonly #images = new Map<Digest, readonly DerivedImage[]>();

  /** What a holding and its attachments name. */
  addKept(upstream: string, kept: KeptVersion): void {
    const { archive, manifest, config, provenance, artifacts = [], images = [] } = kept;
    for (const image of images) this.addImage(archive.digest, image);
    this.#add(upstream, kept, 'archive', archive);
    this.#add(upstream, kept, 'manifest', manifest);
    this.#add(upstream, kept, 'config', config);
    if (provenance !== 'none') this.#add(upstream, kept, 'provenance', provenance);
    for (const part of partsOf(artifacts)) this.#add(upstream, kept, 'artifact', part);
  }

  /** What a catalog keeps of a registry's claim. */
  addClaim(upstream: string, claim: KnownClaim): void {
    this.#add(upstream, claim, 'manifest', claim.documents?.manifest);
    this.#add(upstream, claim, 'config', claim.documents?.config);
  }

  /** An image of an archive: what a holding names, or what is kept as one. */
  addImage(archive: Digest, image: DerivedImage): void {
    this.#images.set(archive, [...this.imagesOf(archive), image]);
  }

  mention(digest: Digest): void {
    this.#mentioned.add(digest);
  }

  isNamed(digest: Digest): boolean {
    return this.#byDigest.has(digest) || this.#mentioned.has(digest);
  }

  /** The images that were derived of an archive, as far as is known by now. */
  imagesOf(archive: Digest): readonly DerivedImage[] {
    return this.#images.get(archive) ?? [];
  }

  /** Who needs it; empty when nobody does. */
  of(digest: Digest): readonly Need[] {
    return this.#byDigest.get(digest) ?? [];
  }

  /** Of every blob that somebody needs, who does. */
  all(): Iterable<readonly Need[]> {
    return this.#byDigest.values();
  }

  digests(): Iterable<Digest> {
    return this.#byDigest.keys();
  }

  #add(
    upstream: string,
    { chart, version }: { readonly chart: string; readonly version: string },
    part: Need['part'],
    descriptor: Descriptor | undefined,
  ): void {
    if (!descriptor) return;
    const all = this.#byDigest.get(descriptor.digest) ?? [];
    const isKnown = all.some((need) => need.upstream === upstream && need.chart === chart && need.version === version);
    if (!isKnown) all.push({ upstream, chart, version, part, descriptor });
    this.#byDigest.set(descriptor.digest, all);
  }
}

/** In words: `nexus: the archive of demo 1.0.0`, and who else needs the same bytes. */
export function describeNeeds(needs: readonly Need[]): string {
  const [first, ...more] = needs;
  if (!first) return 'a blob';
  const what = `${first.upstream}: ${words[first.part]} ${first.chart} ${first.version}`;
  if (more.length === 0) return what;
  const others = more.slice(0, maxNamed).map(({ upstream, chart, version }) => `${upstream} ${chart} ${version}`);
  const rest = more.length > maxNamed ? ` and ${more.length - maxNamed} more` : '';
  return `${what} (and of ${others.join(', ')}${rest})`;
}
