import { Fault } from '../../chart/fault.ts';
import { readAll } from '../../lib/bytes.ts';
import { anonymous } from '../credentials/preemptive.ts';
import type { HttpClient } from '../http/http.ts';
import { faultOfApi, isRow, readEachRow, readRows, readTag, withQueryOf } from './api.ts';
import type { ApiListing, ApiPage, ApiRow } from './api.ts';
import type { DiscoveredTag, Discovery, DiscoveryParts } from './discovery.ts';
import { RememberedTags, type StampedRepository } from './remembered-tags.ts';
import { cannotBeBrowsed, noSuchOwner, ownerIn } from './unbrowsable.ts';

const product = 'Docker Hub';
const api = new URL('https://hub.docker.com');
const advice = 'Check auth: the user or organization name, and a password or access token that may read.';
const maxAnswerBytes = 64 * 1024;

/** Whether a host is Docker Hub's registry, as an address has it. */
export function isDockerHub(host: string): boolean {
  return host === 'registry-1.docker.io';
}

/**
 * The namespace in the address, by the API of hub.docker.com: a page for each 100 repositories, and a page for each 100
 * tags of those that changed. None of it counts as a pull. With credentials a token is asked for first, for private ones.
 */
export function dockerHubDiscovery(parts: DiscoveryParts): Discovery {
  const { upstream, clock } = parts;
  const remembered = new RememberedTags(clock);
  let opened: HttpClient | undefined;
  return {
    product,
    repositories: async (isWanted, signal) => {
      const namespace = ownerIn(parts, product, 'namespace');
      const http = (opened ??= parts.openApi(api, anonymous));
      const headers = await signIn(parts, http, signal);
      const listing = { upstream, http, clock, signal, headers, rows: 'results', next: pageBehind, advice };
      const rows = await readRows({ ...listing, url: pageOf(namespace) });
      if (!rows) throw noSuchOwner(upstream, product, `namespace ${namespace}`, `Check the url. ${advice}`);
      const stamped = rows
        .filter(isRow)
        .filter(mayHoldCharts)
        .map((row) => stampedOf(row, namespace));
      const mine = stamped.filter(({ repository }) => isWanted(repository));
      return await remembered.read(mine, signal, (repository, either) =>
        readHubTags({ ...listing, url: pageOf(repository, '/tags'), signal: either }),
      );
    },
  };
}

function pageOf(path: string, more = ''): URL {
  return new URL(`/v2/repositories/${path}${more}/?page_size=100`, api);
}

function pageBehind({ url, body }: ApiPage): URL | undefined {
  return withQueryOf(url, isRow(body) ? body['next'] : undefined);
}

function mayHoldCharts({ content_types: types }: ApiRow): boolean {
  return !Array.isArray(types) || types.length === 0 || !types.every(isNoChart);
}

function stampedOf({ name, last_updated: updated }: ApiRow, namespace: string): StampedRepository {
  return { repository: `${namespace}/${name}`, changedAt: updated };
}

function isNoChart(type: unknown): boolean {
  return type === 'image' || type === 'plugin';
}

async function readHubTags(listing: ApiListing): Promise<readonly DiscoveredTag[] | undefined> {
  return await readEachRow(listing, ({ name, digest, content_type: type, tag_last_pushed: pushed }) => {
    const tag = isNoChart(type) ? undefined : readTag(name, digest, pushed);
    return tag ? [tag] : [];
  });
}

/** A token that is good for ten minutes, which is longer than a listing takes. */
async function signIn(
  { upstream, login: source, clock }: DiscoveryParts,
  http: HttpClient,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>>> {
  const login = await source?.login();
  if (!login) return {};
  if (login.kind !== 'password') throw cannotBeBrowsed(upstream, product, 'without a user name and password');
  const body = JSON.stringify({ identifier: login.username, secret: login.password });
  const headers = { 'content-type': 'application/json' };
  const url = new URL('/v2/auth/token', api);
  const answer = await http.request({ method: 'POST', url, headers, body, signal });
  if (answer.status !== 200) {
    await answer.dump();
    throw faultOfApi({ upstream, clock, advice }, answer, 'POST');
  }
  const token = tokenIn(await readAll(answer.body, maxAnswerBytes));
  if (token !== undefined) return { authorization: `Bearer ${token}` };
  const message = `${upstream}: hub.docker.com took the credentials, but gave no token.`;
  throw new Fault('upstream-failed', message, 'It is tried again later; look at the server if it goes on.');
}

function tokenIn(body: Buffer): string | undefined {
  try {
    const { access_token: token } = JSON.parse(body.toString('utf8')) as { access_token?: unknown };
    return typeof token === 'string' && /^[\x21-\x7e]+$/.test(token) ? token : undefined;
  } catch {
    return undefined;
  }
}
