import type { Claim, Validator } from '../../chart/claim.ts';
import { Fault } from '../../chart/fault.ts';
import { tagOf } from '../../formats/oci-manifest.ts';
import { defaultWidth, inPieces, mapAtOnce } from '../../lib/at-once.ts';
import type { Clock } from '../../lib/clock.ts';
import { listingOf } from '../claim-listing.ts';
import type { Found, Listing, Unchanged, Upstream } from '../contract.ts';
import type { DiscoveredRepository, Discovery } from '../discovery/discovery.ts';
import type { HttpClient } from '../http/http.ts';
import { chartOf, type RegistryAddress } from './address.ts';
import { ChartArtifacts } from './artifacts.ts';
import { AttachedTags } from './attached-tags.ts';
import { ChartImages } from './chart-images.ts';
import { claimsOf, Rejected, type ListedRepository } from './claims.ts';
import { RegistryClient } from './client.ts';
import { discoveredPlaces, firstPaths, namedPlaces } from './places.ts';
import { pinnedSource } from './source.ts';

/** What a registry as an upstream needs to know. */
export interface OciRegistryOptions {
  /** The upstream's name: every message starts with it. */
  readonly name: string;
  readonly address: RegistryAddress;
  /**
   * Names of charts below the address, maybe with a path. Without any, the address itself may be a chart. With
   * `discover` names and globs, as `nameFilter` reads them, on the path below the address or the chart's name.
   */
  readonly charts: readonly string[];
  /** Chooses the product's own listing; asked once, when it is needed first. Absent: the registry is not browsed. */
  readonly discover?: (signal: AbortSignal) => Promise<Discovery>;
  /** A client of this registry, whose authorization is `registryAuthorization`. */
  readonly http: HttpClient;
  readonly clock: Clock;
  /** Pages of one list of tags at most; 1000 when absent. */
  readonly maxPages?: number;
  /** Lists of tags that are read at once, so that others get their turn in between; 4 when absent. */
  readonly concurrency?: number;
}

/**
 * Charts in an OCI registry. A listing is the tags that are strict SemVer, `_` read as `+`; it makes no claim about
 * digests, and about metadata only where the product's listing has it; `describe` says the rest. Faults with
 * 'invalid-reference' when a name in `charts` can be none.
 */
export function ociRegistry(options: OciRegistryOptions): Upstream {
  const { name, address, charts, discover, http, clock, maxPages } = options;
  const registry = new RegistryClient({ upstream: name, origin: address.origin, http, maxPages });
  const images = new ChartImages({ upstream: name, registry, clock });
  const tags = new AttachedTags({ list: (repository, signal) => registry.tags(repository, signal), clock });
  const reading = { registry, tags };
  const places = discover ? discoveredPlaces({ discover, address, charts, clock }) : namedPlaces(name, address, charts);
  return {
    artifacts: new ChartArtifacts({ upstream: name, registry, tags, clock }),
    list: async (validator, signal) => {
      try {
        return await list(options, reading, await places.repositories(signal), validator, signal);
      } catch (error) {
        throw inContext(options, error);
      }
    },
    find: async (chart, version, signal) => {
      const tag = tagOf(version);
      if (tag === undefined) return undefined;
      const candidates = await places.candidates(chart, signal);
      return find(candidates, registry, { chart, version, tag }, signal);
    },
    describe: (source, signal) => images.describe(source, signal),
    open: (source, part, signal) => images.open(source, part, signal),
    allowance: () => http.allowance(),
  };
}

/** What tags are read with, and who takes note of those that no version has. */
interface Reading {
  readonly registry: RegistryClient;
  readonly tags: AttachedTags;
}

async function list(
  options: OciRegistryOptions,
  reading: Reading,
  repositories: readonly DiscoveredRepository[],
  validator: Validator | undefined,
  signal: AbortSignal,
): Promise<Listing | Unchanged> {
  const firsts = firstPaths(repositories);
  const isFirst = ({ repository }: DiscoveredRepository): boolean => firsts.get(chartOf(repository)) === repository;
  const width = options.concurrency ?? defaultWidth;
  const listed = await mapAtOnce(repositories.filter(isFirst), width, signal, (one, either) =>
    withTags(reading, one, either),
  );
  if (listed.every(({ tags }) => tags === undefined)) await reading.registry.expectRegistry(signal);
  // an address that is no chart itself is a folder of charts that nobody named yet
  const rejected = new Rejected({ named: !options.discover && options.charts.length > 0 });
  const claims: Claim[] = [];
  for (const one of listed) await inPieces(claimsOf(one, rejected), (claim) => claims.push(claim));
  for (const one of repositories) {
    if (!isFirst(one)) rejected.sameName(one.repository, firsts.get(chartOf(one.repository)) ?? '');
  }
  return await listingOf({ claims, rejected: rejected.counts, examples: rejected.examples }, validator);
}

async function withTags(
  { registry, tags: attached }: Reading,
  { repository, tags }: DiscoveredRepository,
  signal: AbortSignal,
): Promise<ListedRepository> {
  if (tags) return { repository, tags };
  const names = await registry.tags(repository, signal);
  if (names) attached.note(repository, names);
  return { repository, tags: names?.map((tag) => ({ tag })) };
}

/** Where nobody named a chart, a refusal most likely means that the address is no chart but a folder of them. */
function inContext({ charts, address, discover }: OciRegistryOptions, error: unknown): unknown {
  const refused = error instanceof Fault && (error.code === 'unauthorized' || error.code === 'forbidden');
  if (!refused || (charts.length > 0 && !discover)) return error;
  const advice = discover
    ? `${error.advice} ${nameThem(address)} if these credentials may read charts but not list them.`
    : `${nameThem(address)}; a registry does not list them. ${error.advice}`;
  return new Fault(error.code, error.message, advice, { cause: error });
}

function nameThem({ path, origin }: RegistryAddress): string {
  return `Name the charts under ${path || origin.host} in charts`;
}

async function find(
  candidates: readonly string[],
  registry: RegistryClient,
  { chart, version, tag }: { readonly chart: string; readonly version: string; readonly tag: string },
  signal: AbortSignal,
): Promise<Found | undefined> {
  for (const repository of candidates) {
    const there = await registry.head(repository, tag, signal);
    if (!there) continue;
    const source = `${repository}:${tag}`;
    return { chart, version, source, ...(there.digest && { pinned: pinnedSource(repository, there.digest) }) };
  }
  return undefined;
}
