import { Catalog, isWithdrawn } from '../chart/catalog.ts';
import { bareClaim, type Claim } from '../chart/claim.ts';
import { digestOf } from '../chart/digest.ts';
import { Fault, type FaultCode } from '../chart/fault.ts';
import type { ArchiveChart } from '../formats/chart-archive.ts';
import { inPieces, mapAtOnce } from '../lib/at-once.ts';
import { readAll, TooManyBytes } from '../lib/bytes.ts';
import { sizeOf, type SharedTable } from '../lib/shared-table.ts';
import { claimTableInPieces } from './claim-listing.ts';
import type { Listing, Upstream } from './contract.ts';
import type { Authorization, Presented } from './credentials/authorization.ts';
import { sendable } from './credentials/login-header.ts';
import { faultOfStatus } from './http/faults.ts';
import type { HttpClient } from './http/http.ts';

/** What is needed to see all of a GitLab project's charts. */
export interface GitlabOptions {
  /** The upstream's name: every message starts with it. */
  readonly name: string;
  /** The packages of the project in GitLab's API, as `packagesApi` tells them. */
  readonly packages: URL;
  /** Reaches the API of the same origin, authorized by `gitlabAuthorization`. */
  readonly api: HttpClient;
  /** `describeArchive`, in a thread. The bytes are its own from then on. */
  readonly inspect: (bytes: Uint8Array) => Promise<ArchiveChart>;
  readonly maxArchiveBytes: number;
  /** Archives at once. */
  readonly concurrency: number;
}

/** GitLab's index names so many packages at most, the newest. */
const maxListed = 1000;
const packagesPerPage = 100;
const maxPages = 2000;
const maxPageBytes = 4 * 1024 * 1024;

/** Where the packages of a project are in GitLab's API, told from the url of its charts; undefined for any other url. */
export function packagesApi(repository: URL): URL | undefined {
  const [, project] = /^(.*\/api\/v4\/projects\/[^/]+\/packages)\/helm\/[^/]+\/?$/.exec(repository.pathname) ?? [];
  return project === undefined ? undefined : new URL(project, repository.origin);
}

/**
 * For GitLab's API, which takes no Basic: the password is a token there, that of a job by its own name. Faults with
 * 'unauthorized' for one that no header can hold.
 */
export function gitlabAuthorization(upstream: string, basic: Authorization): Authorization {
  return {
    describe: () => basic.describe(),
    isAnonymous: () => basic.isAnonymous(),
    present: async (request) => withToken(upstream, await basic.present(request)),
    answer: async (request, challenge) => {
      const better = await basic.answer(request, challenge);
      return better && withToken(upstream, better);
    },
  };
}

function withToken(upstream: string, { authorization, ...others }: Presented): Presented {
  return { ...others, ...(authorization !== undefined && tokenIn(upstream, authorization)) };
}

function tokenIn(upstream: string, authorization: string): Presented {
  const [, encoded] = /^Basic (.+)$/.exec(authorization) ?? [];
  if (encoded === undefined) return { authorization };
  const [, username, password = ''] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded, 'base64').toString('utf8')) ?? [];
  return { [username === 'gitlab-ci-token' ? 'job-token' : 'private-token']: sendable(upstream, password) };
}

/**
 * A chart repository of GitLab's with what its index leaves out: beyond 1,000 packages the others are looked up in
 * GitLab's API, and each that is not known yet is opened once for its Chart.yaml. Where the API refuses our credentials
 * nothing that is known goes missing, and the listing says that it is not complete.
 */
export function gitlabRepository(repository: Upstream, options: GitlabOptions): Upstream {
  const opened = new Map<string, Claim | undefined>();
  return {
    ...repository,
    list: async (validator, signal, known) => {
      const listing = await repository.list(validator, signal, known);
      if ('unchanged' in listing || countOf(listing) < maxListed) return listing;
      const listed = new Catalog(listing.claims);
      const isMissing = ({ chart, version }: PackageName): boolean => !listed.find(chart, version);
      const packages = await packagesOf(options, signal);
      if ('refused' in packages) return cutListing(listing, known, isMissing, packages.refused);
      const missing: PackageName[] = [];
      await inPieces(packages.names, (name) => isMissing(name) && missing.push(name));
      return withClaims(listing, await claimsOf({ repository, options, opened, known }, missing, signal));
    },
    find: async (chart, version, signal) =>
      (await repository.find(chart, version, signal)) ?? openClaim(repository, options, { chart, version }, signal),
  };
}

interface PackageName {
  readonly chart: string;
  readonly version: string;
}

function countOf({ claims, rejected }: Listing): number {
  return sizeOf(claims) + Object.values(rejected).reduce((sum, count) => sum + count, 0);
}

/** Every package of the project, whatever its channel, or the status by which GitLab refuses to say. */
async function packagesOf(
  options: GitlabOptions,
  signal: AbortSignal,
): Promise<{ readonly names: readonly PackageName[] } | { readonly refused: number }> {
  const names: PackageName[] = [];
  for (let page = 1; page <= maxPages; page += 1) {
    const url = new URL(options.packages);
    // oldest first: what is pushed meanwhile moves nothing from one page to another
    url.search = `package_type=helm&status=default&order_by=created_at&sort=asc&per_page=${packagesPerPage}&page=${page}`;
    const answer = await options.api.request({ url, signal });
    if (answer.status !== 200) {
      await answer.dump();
      if ([401, 403, 404].includes(answer.status)) return { refused: answer.status };
      throw faultOfStatus(options.name, answer);
    }
    const rows = readPage(options.name, await readAll(answer.body, maxPageBytes));
    names.push(...rows.flatMap(nameIn));
    // who stands between us and GitLab may keep its headers to itself
    const { 'x-next-page': next = rows.length < packagesPerPage ? '' : String(page + 1) } = answer.headers;
    if (next !== String(page + 1)) return { names };
  }
  throw unreadable(options.name);
}

function readPage(upstream: string, body: Buffer): readonly unknown[] {
  const page = parsed(body);
  if (!Array.isArray(page)) throw unreadable(upstream);
  return page;
}

function nameIn(row: unknown): readonly PackageName[] {
  const { name, version } = (row ?? {}) as Record<string, unknown>;
  return typeof name === 'string' && typeof version === 'string' ? [{ chart: name, version }] : [];
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

function unreadable(upstream: string): Fault {
  return new Fault(
    'listing-invalid',
    `${upstream}: GitLab's list of packages is not what its documentation says.`,
    'The last good listing stays. Look at the project on its server.',
  );
}

interface Lookup {
  readonly repository: Upstream;
  readonly options: GitlabOptions;
  /** Undefined for what is not in our channel, or no chart. */
  readonly opened: Map<string, Claim | undefined>;
  readonly known: SharedTable | undefined;
}

/** All of them or none: the first fault ends the others. */
async function claimsOf(lookup: Lookup, names: readonly PackageName[], signal: AbortSignal): Promise<readonly Claim[]> {
  const { repository, options, opened, known } = lookup;
  const catalog = known && new Catalog(known);
  const claims: Claim[] = [];
  const news: PackageName[] = [];
  await inPieces(names, (name) => {
    const before = catalog?.find(name.chart, name.version)?.claims[0];
    if (before) claims.push(bareClaim(before));
    else news.push(name);
  });
  const read = await mapAtOnce(news, options.concurrency, signal, async (name, either) => {
    const key = `${name.chart} ${name.version}`;
    if (!opened.has(key)) opened.set(key, await openClaim(repository, options, name, either));
    return opened.get(key);
  });
  return [...claims, ...read.filter((claim) => claim !== undefined)];
}

const noChart: ReadonlySet<FaultCode> = new Set(['archive-invalid', 'too-large']);

/** What an archive says of itself; undefined when it is not in our channel, or not what its package is called. */
async function openClaim(
  repository: Upstream,
  { inspect, maxArchiveBytes }: GitlabOptions,
  { chart, version }: PackageName,
  signal: AbortSignal,
): Promise<Claim | undefined> {
  const source = `charts/${encodeURIComponent(chart)}-${encodeURIComponent(version)}.tgz`;
  const incoming = await repository.open(source, 'archive', signal);
  if (!incoming) return undefined;
  try {
    const bytes = await readAll(incoming.body, maxArchiveBytes);
    const digest = digestOf(bytes);
    const found = await inspect(bytes);
    const isIt = !('rejected' in found) && found.chart === chart && found.version === version;
    return isIt ? { ...found, source, digest } : undefined;
  } catch (error) {
    if (error instanceof TooManyBytes || (error instanceof Fault && noChart.has(error.code))) return undefined;
    throw error;
  }
}

/** An index that was cut says nothing of what it lacks. */
async function cutListing(
  listing: Listing,
  known: SharedTable | undefined,
  isMissing: (name: PackageName) => boolean,
  status: number,
): Promise<Listing> {
  const more: Claim[] = [];
  await inPieces(known ? new Catalog(known).all() : [], (version) => {
    if (isMissing(version) && !isWithdrawn(version)) more.push(...version.claims.map(bareClaim));
  });
  const example = `GitLab lists ${maxListed} packages at most, and its API does not tell us of the others (${status})`;
  return {
    ...(await withClaims(listing, more)),
    // asked in full again: the API may answer by then
    validator: {},
    rejected: { ...listing.rejected, 'not-complete': 1 },
    examples: [example, ...listing.examples],
  };
}

async function withClaims(listing: Listing, more: readonly Claim[]): Promise<Listing> {
  if (more.length === 0) return listing;
  const all = [...more];
  await inPieces(new Catalog(listing.claims).all(), ({ claims }) => all.push(...claims.map(bareClaim)));
  return { ...listing, claims: await claimTableInPieces(all) };
}
