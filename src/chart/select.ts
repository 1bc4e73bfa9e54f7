import { knownSinceMs } from './age.ts';
import { emptyCatalog, neverSeen, type ChartVersion } from './catalog.ts';
import { isDescribed, type KnownClaim } from './claim.ts';
import { Denials } from './denials.ts';
import type { Digest } from './digest.ts';
import type { KeptVersion } from './holding.ts';
import { nameFilter } from './names.ts';
import type { OfferRule } from './offering.ts';
import { reservations, selectOwners, type Member, type Owner, type Owners } from './ownership.ts';
import { versionFilter } from './ranges.ts';
import type { DenyRule, RepositoryRules } from './rules.ts';
import { speakingClaim } from './survey.ts';
import { canonicalVersion, newestFirst, parseVersion, sortable } from './version.ts';

/** Which option hides a version: one of the repository, or one of the upstream that provides it. */
export type HidingRule =
  | { readonly by: 'repository'; readonly option: 'charts' | 'versions' | 'prereleases' | 'deprecated' }
  /** `until`: RFC 3339. */
  | { readonly by: 'repository'; readonly option: 'cooldown'; readonly until: string }
  | { readonly by: 'upstream'; readonly member: number; readonly option: OfferRule };

/** What a repository says to one version by its exact text. */
export type Decision =
  | Offered
  | { readonly outcome: 'denied'; readonly rule: DenyRule }
  | { readonly outcome: 'hidden'; readonly rule: HidingRule }
  /** Nobody who may provide it lists it. `candidates`, by their place, may have it all the same. */
  | { readonly outcome: 'absent'; readonly candidates: readonly number[] };

export interface Offered {
  readonly outcome: 'offered';
  /** Who provides it, by its place. */
  readonly member: number;
  readonly version: ChartVersion;
  /** What speaks for it; undefined while nothing of it is described. */
  readonly claim: KnownClaim | undefined;
  /** As far as the snapshot knows. */
  readonly held: KeptVersion | undefined;
  /** Its rules cannot all be applied before it is described and held: they are to be asked again then. */
  readonly provisional: boolean;
}

/** One of a chart's versions by its text, and what becomes of it. */
export interface Decided {
  readonly version: string;
  readonly decision: Decision;
}

/** A version as it stands in an index. */
export interface Listed {
  readonly member: number;
  readonly version: ChartVersion;
  /** What speaks for it. */
  readonly claim: KnownClaim;
  readonly held: KeptVersion | undefined;
}

/**
 * What one repository offers: its members as they were committed, and its rules, at one moment. Immutable; a pure function
 * of what it is made of, so every replica says the same.
 */
export class Selection {
  readonly members: readonly Member[];
  readonly rules: RepositoryRules;
  /** Who provides the names that members list. */
  readonly owners: Owners;
  readonly #nowMs: number;
  readonly #denials: Denials;
  readonly #mayName: (chart: string) => boolean;
  readonly #mayHave: (chart: string, version: string) => boolean;
  readonly #reserved: (chart: string) => number | undefined;
  readonly #providers = new Map<string, ReadonlyMap<string, number>>();

  /** `owners` when they were computed elsewhere. */
  constructor(
    members: readonly Member[],
    rules: RepositoryRules,
    nowMs: number,
    owners = selectOwners(members, rules),
  ) {
    this.members = members;
    this.rules = rules;
    this.owners = owners;
    this.#nowMs = nowMs;
    this.#denials = new Denials(rules.deny);
    this.#mayName = nameFilter(rules.charts);
    this.#mayHave = versionFilter(rules.versions);
    this.#reserved = reservations(members, rules);
  }

  /** Names of charts that may have versions here, in order: those that are listed by who provides them. */
  *charts(): IterableIterator<string> {
    for (const [chart, owner] of this.owners) {
      const isListed = owner === 'by-version' || this.members[owner]?.offering.catalog.has(chart);
      if (isListed && this.#mayName(chart)) yield chart;
    }
  }

  /** Whether anything of this name may be offered here. */
  mayOffer(chart: string): boolean {
    return this.#mayName(chart);
  }

  /** What becomes of a version by its exact text, whether anybody lists it or not. */
  decide(chart: string, version: string): Decision {
    const refused = this.#refusedByName(chart, version);
    if (refused) return refused;
    const member = this.providerOf(chart, version);
    const listed = member === undefined ? undefined : this.members[member]?.offering.catalog.find(chart, version);
    if (member === undefined || !listed) return { outcome: 'absent', candidates: this.candidates(chart, version) };
    return this.#judge(member, listed);
  }

  /** What becomes of each version that those who provide a chart list of it, newest first. */
  *decisions(chart: string): IterableIterator<Decided> {
    for (const { member, version } of this.#provided(chart)) {
      const decision = this.#refusedByName(chart, version.version) ?? this.#judge(member, version);
      yield { version: version.version, decision };
    }
  }

  /** A chart's versions that are offered, newest first; those that lists leave out as well. */
  *offered(chart: string): IterableIterator<Offered> {
    for (const { decision } of this.decisions(chart)) if (decision.outcome === 'offered') yield decision;
  }

  /** A chart's versions as lists show them, newest first. What is not described yet is in none. */
  *listed(chart: string): IterableIterator<Listed> {
    let left = this.rules.listNewest ?? Infinity;
    for (const { member, version, claim, held } of this.offered(chart)) {
      if (left <= 0) return;
      if (!claim) continue;
      left -= 1;
      yield { member, version, claim, held };
    }
  }

  /** When the next of a chart's versions has been known for long enough: epoch milliseconds, `Infinity` for never. */
  changesMs(chart: string): number {
    if (this.rules.cooldownMs === 0) return Infinity;
    let next = Infinity;
    for (const { decision } of this.decisions(chart)) {
      if (decision.outcome !== 'hidden' || decision.rule.option !== 'cooldown') continue;
      next = Math.min(next, Date.parse(decision.rule.until));
    }
    return next;
  }

  /** The rule that denies bytes by their digest, whose ever they are. */
  deniedDigest(chart: string, kept: KeptVersion): DenyRule | undefined {
    return this.#denials.byDigest(chart, digestsOf(kept));
  }

  /** The rule that denies bytes by their digest, of whatever chart. */
  deniedBytes(digest: Digest): DenyRule | undefined {
    return this.rules.deny.find((rule) => rule.digest === digest);
  }

  /** Who provides a chart, or alone may, or that it differs from version to version; undefined when nobody lists it. */
  ownerOf(chart: string): Owner | undefined {
    return this.#reserved(chart) ?? this.owners.get(chart);
  }

  /** Who provides a version of this text, by its place: also where it is hidden, or not listed by the one who owns the name. */
  providerOf(chart: string, version: string): number | undefined {
    const owner = this.ownerOf(chart);
    return owner === 'by-version' ? this.providers(chart).get(canonicalVersion(version)) : owner;
  }

  /** Who alone may provide a version of this text, by its place; undefined where any may: under `merge` what none lists yet. */
  soleProviderOf(chart: string, version: string): number | undefined {
    const isSplit = this.rules.overlap === 'merge' && this.#reserved(chart) === undefined;
    return isSplit ? this.providers(chart).get(canonicalVersion(version)) : this.providerOf(chart, version);
  }

  /** Who may provide a version that nobody who may lists, by their places in order. */
  candidates(chart: string, version: string): readonly number[] {
    const only = this.soleProviderOf(chart, version);
    const all = [...this.members.keys()].filter((at) => only === undefined || only === at);
    return all.filter((at) => this.members[at]?.offering.mayHave(chart, version));
  }

  /** Under `merge`: who provides each version of a chart, by the version's canonical text. */
  providers(chart: string): ReadonlyMap<string, number> {
    const known = this.#providers.get(chart);
    if (known) return known;
    const found = new Map<string, { readonly member: number; readonly sight: string }>();
    for (const [member, { offering }] of this.members.entries()) {
      if (!offering.mayName(chart)) continue;
      for (const [version, sight] of offering.catalog.sights(chart)) {
        const key = canonicalVersion(version);
        if (sight < (found.get(key)?.sight ?? neverSeen)) found.set(key, { member, sight });
      }
    }
    const providers = new Map([...found].map(([key, { member }]) => [key, member]));
    // what nobody lists is not worth remembering, and strangers can ask for any name
    if (providers.size > 0) this.#providers.set(chart, providers);
    return providers;
  }

  /** What those who provide a chart list of it, newest first. */
  *#provided(chart: string): IterableIterator<Provided> {
    const owner = this.ownerOf(chart);
    if (owner === undefined) return;
    if (owner === 'by-version') yield* this.#merged(chart);
    else {
      const versions = this.members[owner]?.offering.catalog.versions(chart) ?? [];
      for (const version of versions) yield { member: owner, version };
    }
  }

  #merged(chart: string): readonly Provided[] {
    const providers = this.providers(chart);
    const versions = this.members.flatMap(({ offering }, member) =>
      [...offering.catalog.versions(chart)]
        .filter(({ version }) => providers.get(canonicalVersion(version)) === member)
        .map((version) => ({ member, version, order: sortable(version.version) })),
    );
    return versions.sort((a, b) => newestFirst(a.order, b.order));
  }

  /** What is said of a version for its name and text alone. */
  #refusedByName(chart: string, version: string): Decision | undefined {
    const rule = this.#denials.byName(chart, version);
    if (rule) return { outcome: 'denied', rule };
    const option = this.#hiddenByName(chart, version);
    return option && { outcome: 'hidden', rule: { by: 'repository', option } };
  }

  #hiddenByName(chart: string, version: string): 'charts' | 'versions' | 'prereleases' | undefined {
    if (!this.#mayName(chart)) return 'charts';
    if (!this.#mayHave(chart, version)) return 'versions';
    return this.rules.prereleases || !isPrerelease(version) ? undefined : 'prereleases';
  }

  /** What is left to be decided of a version of which name and text are no hindrance. */
  #judge(member: number, version: ChartVersion): Decision {
    const option = this.members[member]?.offering.hiddenBy(version);
    if (option) return { outcome: 'hidden', rule: { by: 'upstream', member, option } };
    const held = this.members[member]?.offering.snapshot.find(version.chart, version.version);
    const digests = held ? digestsOf(held) : version.claims.flatMap(claimedDigests);
    const rule = this.#denials.byDigest(version.chart, digests);
    if (rule) return { outcome: 'denied', rule };
    const claim = speakingClaim(version, held);
    if (!this.rules.deprecated && claim && isDeprecated(claim)) {
      return { outcome: 'hidden', rule: { by: 'repository', option: 'deprecated' } };
    }
    const fromMs = this.#offeredFromMs(member, version, claim);
    if (fromMs > this.#nowMs) {
      const until = new Date(fromMs).toISOString();
      return { outcome: 'hidden', rule: { by: 'repository', option: 'cooldown', until } };
    }
    const offered = { member, version, claim, held };
    return { outcome: 'offered', ...offered, provisional: this.#isProvisional(offered) };
  }

  /** Of what is not held, described and judged, digests, deprecation and provenance may turn out to be others. */
  #isProvisional({ member, version, claim, held }: Omit<Offered, 'outcome' | 'provisional'>): boolean {
    if (this.members[member]?.offering.mustBeJudged(held)) return true;
    if (!held && this.#denials.hasDigests(version.chart)) return true;
    if (this.rules.deprecated) return false;
    if (held) return !claim || !isDescribed(claim);
    return version.claims.some((one) => one.refused === undefined && (!isDescribed(one) || isDeprecated(one)));
  }

  #offeredFromMs(member: number, version: ChartVersion, claim: KnownClaim | undefined): number {
    const { cooldownMs } = this.rules;
    if (cooldownMs === 0) return -Infinity;
    const { catalog } = this.members[member]?.offering ?? { catalog: emptyCatalog };
    return knownSinceMs(catalog, version, claim) + cooldownMs;
  }
}

interface Provided {
  readonly member: number;
  readonly version: ChartVersion;
}

function isPrerelease(version: string): boolean {
  return version.includes('-') && (parseVersion(version)?.prerelease.length ?? 0) > 0;
}

function isDeprecated({ metadata = '' }: KnownClaim): boolean {
  // looked for before it is parsed: few are
  if (!metadata.includes('"deprecated":true')) return false;
  return (JSON.parse(metadata) as { readonly deprecated?: unknown }).deprecated === true;
}

function digestsOf({ archive, manifest, config, images = [] }: KeptVersion): readonly (Digest | undefined)[] {
  const derived = images.flatMap((image) => [image.manifest.digest, image.config.digest]);
  return [archive.digest, manifest?.digest, config?.digest, ...derived];
}

function claimedDigests({ digest, documents }: KnownClaim): readonly (Digest | undefined)[] {
  return [digest, documents?.manifest.digest, documents?.config.digest];
}
