import { Fault } from '../../chart/fault.ts';
import { nameFilter } from '../../chart/names.ts';
import { compareText } from '../../chart/version.ts';
import { isRepository } from '../../formats/oci-manifest.ts';
import type { Clock } from '../../lib/clock.ts';
import { SingleFlight } from '../../lib/single-flight.ts';
import type { DiscoveredRepository, Discovery } from '../discovery/discovery.ts';
import { shortened } from '../http/faults.ts';
import { chartOf, repositoryAt, type RegistryAddress } from './address.ts';

/** In which repositories of a registry an upstream's charts are. */
export interface Places {
  /** Those to list, in path order, each once; with their tags where these are known without asking for them. */
  repositories(signal: AbortSignal): Promise<readonly DiscoveredRepository[]>;
  /** Where a chart of this name can be. Faults as a listing does where only one can tell. */
  candidates(chart: string, signal: AbortSignal): Promise<readonly string[]>;
}

/**
 * Charts that the configuration names, maybe with a path; without any, the address itself may be one, and what is right
 * below it can be asked for. Faults with 'invalid-reference' when a name can be none.
 */
export function namedPlaces(upstream: string, address: RegistryAddress, charts: readonly string[]): Places {
  const names = charts.length > 0 ? charts : address.path === '' ? [] : [''];
  const repositories = names.map((chart) => repositoryAt(address, chart));
  const wrong = repositories.findIndex((repository) => !isRepository(repository));
  if (wrong >= 0) {
    const message = `${upstream}: "${shortened(charts[wrong] ?? '', 80)}" in charts is not the name of a chart in a registry.`;
    throw new Fault('invalid-reference', message, 'Write plain names as they stand under the url, in lower case.');
  }
  const sorted = [...new Set(repositories)].toSorted(compareText);
  return {
    repositories: async () => sorted.map((repository) => ({ repository })),
    candidates: async (chart) => {
      const named = sorted.find((repository) => chartOf(repository) === chart);
      const below = charts.length === 0 ? rightBelow(address, chart) : undefined;
      return [...new Set([named, below])].filter((repository) => repository !== undefined);
    },
  };
}

/** Whoever asks for a name that no listing has may have a new one made this often. */
const lookAgainMs = 120_000;

/** What a product's own listing is made of. */
interface DiscoveredPlacesOptions {
  readonly discover: (signal: AbortSignal) => Promise<Discovery>;
  readonly address: RegistryAddress;
  /** Names and globs, as `nameFilter` reads them. */
  readonly charts: readonly string[];
  readonly clock: Clock;
}

/**
 * Charts that the product's own listing names, those of them whose path below the address or whose name passes the
 * names and globs. What the last listing named is where a chart is; anything else can be right below the address. A
 * process that listed nothing lately, such as a replica whose catalog comes from another, does so before it says no.
 */
export function discoveredPlaces({ discover, address, charts, clock }: DiscoveredPlacesOptions): Places {
  const isWanted = wantedBelow(address, charts);
  const flights = new SingleFlight<readonly DiscoveredRepository[]>();
  let discovery: Discovery | undefined;
  let places: ReadonlyMap<string, string> = new Map();
  let readMs = -Infinity;
  const read = async (signal: AbortSignal): Promise<readonly DiscoveredRepository[]> => {
    const begunMs = clock.elapsed();
    discovery ??= await discover(signal);
    const found = await discovery.repositories(isWanted, signal);
    // what has no charts must not stand in the way of what has some
    const usable = found.filter(({ tags }) => tags?.length !== 0);
    const sorted = usable.toSorted((a, b) => compareText(a.repository, b.repository));
    places = firstPaths(sorted);
    readMs = begunMs;
    return sorted;
  };
  return {
    repositories: (signal) => flights.run('', () => read(signal)),
    candidates: async (chart, signal) => {
      if (!places.has(chart) && clock.elapsed() - readMs >= lookAgainMs) await flights.run('', () => read(signal));
      const place = places.get(chart) ?? rightBelow(address, chart);
      return place !== undefined && isWanted(place) ? [place] : [];
    },
  };
}

/** Of repositories in path order, which chart names they hold; of one name the first path counts. */
export function firstPaths(sorted: readonly DiscoveredRepository[]): ReadonlyMap<string, string> {
  return new Map(sorted.toReversed().map(({ repository }) => [chartOf(repository), repository]));
}

function rightBelow(address: RegistryAddress, chart: string): string | undefined {
  const below = repositoryAt(address, chart);
  return isRepository(below) && !chart.includes('/') ? below : undefined;
}

/** A repository is wanted when its path or its name is in the list, and neither is excluded. */
function wantedBelow({ path }: RegistryAddress, patterns: readonly string[]): (repository: string) => boolean {
  const isIncluded = nameFilter(patterns.filter((pattern) => !pattern.startsWith('!')));
  const isLeft = nameFilter(patterns.filter((pattern) => pattern.startsWith('!')));
  return (repository) => {
    if (!isRepository(repository) || !`${repository}/`.startsWith(path === '' ? '' : `${path}/`)) return false;
    const names = [repository.slice(path === '' ? 0 : path.length + 1), chartOf(repository)];
    return names.some(isIncluded) && names.every(isLeft);
  };
}
