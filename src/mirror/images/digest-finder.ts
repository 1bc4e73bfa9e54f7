import { LRUCache } from 'lru-cache';

import type { KnownClaim } from '../../chart/claim.ts';
import type { Digest } from '../../chart/digest.ts';
import { Fault } from '../../chart/fault.ts';
import type { Known } from '../committing/known.ts';
import type { ImageName } from '../contract/images.ts';
import { deniedBytes, notServedYet } from '../offering/refusals.ts';
import type { Offer } from '../offering/served.ts';
import type { Held, Reader } from '../reading/reader.ts';
import type { ImageSource } from './image-source.ts';
import type { Looks } from './looks.ts';
import { partOf, type Found, type Role } from './parts.ts';
import { waitingFor } from './unfinished.ts';

export interface DigestFinderParts {
  readonly reader: Reader;
  readonly source: ImageSource;
  readonly looks: Looks;
}

const maxRemembered = 10_000;
const maxUnfinished = 1_000;

/**
 * Finds what a digest names among what one chart has in one repository. Whatever is known of a digest elsewhere, it is
 * a version's that decides: it leaves when that version does, as the other door has it.
 */
export class DigestFinder {
  readonly #parts: DigestFinderParts;
  /** Which version a digest was found in last, or told of, by repository, chart and digest. Rules are asked all the same. */
  readonly #versions = new LRUCache<string, string>({ max: maxRemembered });
  /** Who may have more of a chart than is known yet, as long as an offer stands. */
  readonly #unfinished = new WeakMap<Offer, Map<string, Promise<Known | undefined>>>();

  constructor(parts: DigestFinderParts) {
    this.#parts = parts;
  }

  /**
   * What has this digest and may leave. A promise only when that must be looked for. Throws or rejects with a fault:
   * 'not-found' for what no version has that is offered, 'unavailable' while that cannot be told.
   */
  find(name: ImageName, role: Role, digest: Digest): Found | Promise<Found> {
    return this.#remembered(name, role, digest) ?? this.#search(name, role, digest);
  }

  /** Has a version be looked at first when somebody asks for a digest: it was told that it has that. */
  note({ ref: { repository, chart, version } }: Found, digests: readonly Digest[]): void {
    for (const digest of digests) this.#versions.set(keyIn({ repository, chart }, digest), version);
  }

  #remembered(name: ImageName, role: Role, digest: Digest): Found | undefined {
    const { reader } = this.#parts;
    const version = this.#versions.get(keyIn(name, digest));
    if (version === undefined || reader.offer(name.repository).selection.deniedBytes(digest)) return undefined;
    const ref = { repository: name.repository, chart: name.chart, version };
    const held = nowOrNever(() => reader.find(ref));
    const part = held && partOf(held.kept, role, digest);
    return part && { ref, ...held, part };
  }

  async #search(name: ImageName, role: Role, digest: Digest): Promise<Found> {
    const seen = this.#parts.reader.offer(name.repository);
    const found = (await this.#among(name, role, digest)) ?? (await this.#again(name, role, digest, seen));
    if (!found) throw await this.#notFound(name);
    this.note(found, [digest]);
    return found;
  }

  /** Another replica may have told of it a moment ago: then there is another offer by now. */
  async #again(name: ImageName, role: Role, digest: Digest, seen: Offer): Promise<Found | undefined> {
    const { reader, looks } = this.#parts;
    await looks.next(name.repository);
    return reader.offer(name.repository) === seen ? undefined : this.#among(name, role, digest);
  }

  /** The first version that has it and may leave. Rejects with what is in the way of another one that may have it. */
  async #among(name: ImageName, role: Role, digest: Digest): Promise<Found | undefined> {
    const { selection } = this.#parts.reader.offer(name.repository);
    const denied = selection.deniedBytes(digest);
    if (denied) throw deniedBytes(name.repository, denied);
    const failures: Fault[] = [];
    for (const version of this.#candidates(name, digest)) {
      try {
        const found = await this.#lookInto(name, version, role, digest);
        if (found) return found;
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        if (error.code !== 'not-found') failures.push(error);
      }
    }
    if (failures[0]) throw failures[0];
    return undefined;
  }

  async #lookInto(name: ImageName, version: string, role: Role, digest: Digest): Promise<Found | undefined> {
    const { reader, source } = this.#parts;
    const ref = { repository: name.repository, chart: name.chart, version };
    const held = await reader.find(ref);
    const part = partOf(held.kept, role, digest);
    if (part) return { ref, ...held, part };
    // a registry's manifest was told that names it: upstream has it now, or says why not
    if (held.kept.manifest && this.#versions.get(keyIn(name, digest)) === version) await reader.provenance(ref);
    // its manifest may name what nobody asked for yet
    const whole = await reader.waiting(source.complete(ref, await reader.find(ref)), ref);
    const late = partOf(whole.kept, role, digest);
    if (late && !reader.mayLeave(ref, whole)) throw notServedYet(ref);
    return late && { ...whole, part: late };
  }

  /** Versions of which something is said to have that digest, by who provides them, each once. */
  *#candidates(name: ImageName, digest: Digest): IterableIterator<string> {
    const { members, selection } = this.#parts.reader.offer(name.repository);
    const told = this.#versions.get(keyIn(name, digest));
    if (told !== undefined) yield told;
    const seen = new Set([told]);
    for (const [at, known] of members.entries()) {
      for (const version of versionsNaming(known, name.chart, digest)) {
        if (seen.has(version) || selection.providerOf(name.chart, version) !== at) continue;
        seen.add(version);
        yield version;
      }
    }
  }

  async #notFound({ repository, chart }: ImageName): Promise<Fault> {
    const upstream = await this.#waitingFor(this.#parts.reader.offer(repository), chart);
    if (upstream) return notToldYet(upstream, chart);
    const message = `Nothing that ${repository} offers of ${chart} has this digest.`;
    return new Fault('not-found', message, 'Ask for a tag, and use the digests that its manifest has now.');
  }

  #waitingFor(offer: Offer, chart: string): Promise<Known | undefined> {
    const charts = this.#unfinished.get(offer) ?? new Map<string, Promise<Known | undefined>>();
    const known = charts.get(chart);
    if (known) return known;
    if (charts.size >= maxUnfinished) charts.clear();
    const found = waitingFor(offer, chart);
    this.#unfinished.set(offer, charts.set(chart, found));
    return found;
  }
}

/** One name for a digest among what one chart has in one repository. */
function keyIn({ repository, chart }: ImageName, digest: Digest): string {
  return `${repository}/${chart}@${digest}`;
}

/** What can be had without waiting; undefined for what must be waited for, or is refused. */
function nowOrNever(find: () => Held | Promise<Held>): Held | undefined {
  try {
    const held = find();
    if (!(held instanceof Promise)) return held;
    // whoever looks for it next joins what was begun
    held.catch(() => undefined);
    return undefined;
  } catch (error) {
    if (error instanceof Fault) return undefined;
    throw error;
  }
}

/**
 * The listed versions of a chart of which something that is held or claimed has a digest, one after the other: what many
 * signatures share, such as an empty config, hardly needs a second.
 */
function* versionsNaming({ snapshot, fresh, catalog }: Known, chart: string, digest: Digest): IterableIterator<string> {
  const isListed = (version: string): boolean => catalog.find(chart, version) !== undefined;
  for (const { version } of snapshot.naming(chart, digest)) if (isListed(version)) yield version;
  for (const kept of fresh.values()) {
    if (kept.chart === chart && isNamedBy(kept, digest) && isListed(kept.version)) yield kept.version;
  }
  for (const version of catalog.naming(chart, digest)) {
    if (catalog.find(chart, version)?.claims.some((claim) => claimsDigest(claim, digest))) yield version;
  }
}

function isNamedBy(kept: Held['kept'], digest: Digest): boolean {
  return partOf(kept, 'manifest', digest) !== undefined || partOf(kept, 'blob', digest) !== undefined;
}

/** Whether upstream said that something of a version has this digest. Its Chart.yaml may say anything. */
function claimsDigest({ digest: archive, documents, source, tag }: KnownClaim, digest: Digest): boolean {
  const named = [archive, documents?.manifest.digest, documents?.config.digest];
  return named.includes(digest) || source.includes(digest) || tag?.includes(digest) === true;
}

function notToldYet({ name }: Known, chart: string): Fault {
  return new Fault(
    'unavailable',
    `${name}: what it has of ${chart} is not all known yet, so it cannot be told whether something has this digest.`,
    'Try again in a few seconds, or ask for a tag.',
    { retryAfterMs: 5_000 },
  );
}
