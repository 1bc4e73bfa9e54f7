import { claimTable, type Claim, type Validator } from '../chart/catalog.ts';
import { digestOf } from '../chart/digest.ts';
import { Fault } from '../chart/fault.ts';
import { compareText } from '../chart/version.ts';
import { isRepository, tagOf, versionOf } from '../formats/oci-manifest.ts';
import type { Clock } from '../lib/clock.ts';
import { ChartImages } from './chart-images.ts';
import type { Found, Listing, Unchanged, Upstream } from './contract.ts';
import { shortened } from './http-faults.ts';
import type { HttpClient } from './http.ts';
import { chartOf, repositoryAt, type RegistryAddress } from './registry-address.ts';
import { RegistryClient } from './registry-client.ts';
import { pinnedSource } from './registry-source.ts';

/** What a registry as an upstream needs to know. */
export interface OciRegistryOptions {
  /** The upstream's name: every message starts with it. */
  readonly name: string;
  readonly address: RegistryAddress;
  /** Names of charts below the address, maybe with a path. Without any, the address itself may be a chart. */
  readonly charts: readonly string[];
  /** A client of this registry, whose authorization is `registryAuthorization`. */
  readonly http: HttpClient;
  readonly clock: Clock;
  /** Pages of one list of tags at most; 1000 when absent. */
  readonly maxPages?: number;
  /** Lists of tags that are read at once, so that others get their turn in between; 4 when absent. */
  readonly concurrency?: number;
}

/** What was read of one repository; `tags` is undefined when there is no such repository. */
interface Listed {
  readonly repository: string;
  readonly tags: readonly string[] | undefined;
}

const maxExamples = 5;

/**
 * Charts in an OCI registry. A listing is the tags that are strict SemVer, `_` read as `+`; it makes no claim about
 * digests or metadata, `describe` does. Faults with 'invalid-reference' when a name in `charts` can be none.
 */
export function ociRegistry(options: OciRegistryOptions): Upstream {
  const registry = new RegistryClient({
    upstream: options.name,
    origin: options.address.origin,
    http: options.http,
    maxPages: options.maxPages ?? 1000,
  });
  const images = new ChartImages({ upstream: options.name, registry, clock: options.clock });
  const repositories = repositoriesOf(options);
  return {
    list: (validator, signal) => list(options, registry, repositories, validator, signal),
    find: (chart, version, signal) =>
      find(candidatesOf(options, repositories, chart), registry, chart, version, signal),
    describe: (source, signal) => images.describe(source, signal),
    open: (source, part, signal) => images.open(source, part, signal),
    allowance: () => options.http.allowance(),
  };
}

/** The repositories to list, in path order, each once. */
function repositoriesOf({ name, address, charts }: OciRegistryOptions): readonly string[] {
  const names = charts.length > 0 ? charts : address.path === '' ? [] : [''];
  const repositories = names.map((chart) => repositoryAt(address, chart));
  const wrong = repositories.findIndex((repository) => !isRepository(repository));
  if (wrong >= 0) {
    const message = `${name}: "${shortened(charts[wrong] ?? '', 80)}" in charts is not the name of a chart in a registry.`;
    throw new Fault('invalid-reference', message, 'Write plain names as they stand under the url, in lower case.');
  }
  return [...new Set(repositories)].toSorted(compareText);
}

async function list(
  options: OciRegistryOptions,
  registry: RegistryClient,
  repositories: readonly string[],
  validator: Validator | undefined,
  signal: AbortSignal,
): Promise<Listing | Unchanged> {
  const firsts = repositories.filter((repository) => firstOf(repositories, chartOf(repository)) === repository);
  const listed = await readTags(registry, firsts, options.concurrency ?? 4, signal).catch((error: unknown) => {
    throw inContext(options, error);
  });
  if (listed.every(({ tags }) => tags === undefined)) await registry.expectRegistry(signal);
  const rows = digestOf(Buffer.from(JSON.stringify(listed.map(({ repository, tags }) => [repository, tags ?? null]))));
  if (validator?.rows === rows) return { unchanged: true, validator };
  const rejected = new Rejected(options);
  const claims = listed.flatMap((one) => claimsOf(one, rejected));
  for (const repository of repositories) if (!firsts.includes(repository)) rejected.sameName(repository, repositories);
  return { claims: claimTable(claims), validator: { rows }, rejected: rejected.counts, examples: rejected.examples };
}

/** Where nobody named a chart, a refusal most likely means that the address is no chart but a folder of them. */
function inContext({ charts, address }: OciRegistryOptions, error: unknown): unknown {
  const refused = error instanceof Fault && (error.code === 'unauthorized' || error.code === 'forbidden');
  if (!refused || charts.length > 0) return error;
  const advice = `Name the charts under ${address.path} in charts; a registry does not list them. ${error.advice}`;
  return new Fault(error.code, error.message, advice, { cause: error });
}

/** All of them or none: the first fault ends the others. */
async function readTags(
  registry: RegistryClient,
  repositories: readonly string[],
  concurrency: number,
  signal: AbortSignal,
): Promise<readonly Listed[]> {
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const listed: Listed[] = [];
  const queue = repositories.entries();
  const readers = Array.from({ length: concurrency }, async () => {
    for (const [at, repository] of queue) listed[at] = { repository, tags: await registry.tags(repository, either) };
  });
  try {
    await Promise.all(readers);
    return listed;
  } catch (error) {
    failed.abort(error);
    await Promise.allSettled(readers);
    throw error;
  }
}

function firstOf(repositories: readonly string[], chart: string): string | undefined {
  return repositories.find((repository) => chartOf(repository) === chart);
}

function claimsOf({ repository, tags }: Listed, rejected: Rejected): Claim[] {
  if (!tags) {
    rejected.noRepository(repository);
    return [];
  }
  const claims: Claim[] = [];
  for (const tag of tags) {
    const version = versionOf(tag);
    if (version === undefined) rejected.notSemver(repository, tag);
    else claims.push({ chart: chartOf(repository), version, source: `${repository}:${tag}` });
  }
  return claims;
}

/** Signatures, attestations and the like, which hang on a digest: nobody takes them for versions. */
const attached = /^sha256-[0-9a-f]{64}(?:\.[a-z]+)?$/;

/** What a listing had that is not offered, by reason, with the first few in words. */
class Rejected {
  readonly counts: Record<string, number> = {};
  readonly examples: string[] = [];
  readonly #options: OciRegistryOptions;

  constructor(options: OciRegistryOptions) {
    this.#options = options;
  }

  noRepository(repository: string): void {
    // an address that is no chart itself is a folder of charts that nobody named yet
    if (this.#options.charts.length === 0) return;
    this.#add('no-such-chart', `the registry has no ${repository}`);
  }

  notSemver(repository: string, tag: string): void {
    if (!attached.test(tag)) this.#add('not-semver', `${repository}:${shortened(tag, 80)} is not a version`);
  }

  sameName(repository: string, repositories: readonly string[]): void {
    const first = firstOf(repositories, chartOf(repository));
    this.#add('same-name', `${repository} ends in the same name as ${first}, which comes first`);
  }

  #add(reason: string, example: string): void {
    this.counts[reason] = (this.counts[reason] ?? 0) + 1;
    if (this.examples.length < maxExamples) this.examples.push(example);
  }
}

/** Where a chart can be: the named repository, or without names the address itself and what lies right below it. */
function candidatesOf(options: OciRegistryOptions, repositories: readonly string[], chart: string): readonly string[] {
  const named = firstOf(repositories, chart);
  const below = repositoryAt(options.address, chart);
  const open = options.charts.length === 0 && isRepository(below) && !chart.includes('/');
  return [...new Set([...(named === undefined ? [] : [named]), ...(open ? [below] : [])])];
}

async function find(
  candidates: readonly string[],
  registry: RegistryClient,
  chart: string,
  version: string,
  signal: AbortSignal,
): Promise<Found | undefined> {
  const tag = tagOf(version);
  if (tag === undefined) return undefined;
  for (const repository of candidates) {
    const there = await registry.head(repository, tag, signal);
    if (!there) continue;
    const source = `${repository}:${tag}`;
    return { chart, version, source, ...(there.digest && { pinned: pinnedSource(repository, there.digest) }) };
  }
  return undefined;
}
