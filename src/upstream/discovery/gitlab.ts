import { Fault } from '../../chart/fault.ts';
import type { Login } from '../credentials/login.ts';
import { anonymous } from '../credentials/preemptive.ts';
import type { HttpClient } from '../http/http.ts';
import { isTrusted } from '../http/reach.ts';
import { apiWithToken } from './api-access.ts';
import { isRow, readRows } from './api.ts';
import type { DiscoveredRepository, Discovery, DiscoveryParts } from './discovery.ts';
import { noSuchOwner, ownerIn } from './unbrowsable.ts';

const product = 'GitLab';
const advice =
  'GitLab lists its registry for access tokens with the scopes read_api and read_registry and the role Reporter, not for deploy tokens; one may have expired.';

/** Whether a host is the registry of gitlab.com. */
export function isGitlabCom(host: string): boolean {
  return host === 'registry.gitlab.com';
}

/**
 * GitLab's API at `gitlab`, which is where the registry gets its tokens from: the registry repositories of the project
 * or group that the url begins with. It is asked only where the configuration trusts it, or for gitlab.com.
 */
export function gitlabDiscovery(parts: DiscoveryParts, gitlab = new URL('https://gitlab.com')): Discovery {
  const { upstream, clock, address } = parts;
  const open = apiWithToken(parts, gitlab, tokenOf);
  let stranger: HttpClient | undefined;
  let known: string | undefined;
  return {
    product,
    repositories: async (isWanted, signal) => {
      ownerIn(parts, product, 'group or project');
      if (!mayAsk(parts, gitlab)) throw notTrusted(upstream, gitlab);
      const http = (await open()) ?? (stranger ??= parts.openApi(gitlab, anonymous));
      for (const place of known === undefined ? placesOf(address.path) : [known]) {
        const url = new URL(`/api/v4/${place}/registry/repositories?per_page=100`, gitlab);
        const rows = await readRows({ upstream, clock, http, signal, url, advice });
        if (!rows) continue;
        known = place;
        return repositoriesIn(rows).filter(({ repository }) => isWanted(repository));
      }
      throw noSuchOwner(upstream, product, `group or project ${address.path}`, advice);
    },
  };
}

function mayAsk({ reach, address }: DiscoveryParts, gitlab: URL): boolean {
  return isTrusted(reach, gitlab) || (isGitlabCom(address.origin.host) && gitlab.origin === 'https://gitlab.com');
}

/** Projects and groups that a path may begin with, the longest first. */
function placesOf(path: string): readonly string[] {
  const words = path.split('/');
  return words.flatMap((_, dropped) => {
    const place = encodeURIComponent(words.slice(0, words.length - dropped).join('/'));
    return [...(place.includes('%2F') ? [`projects/${place}`] : []), `groups/${place}`];
  });
}

function repositoriesIn(rows: readonly unknown[]): readonly DiscoveredRepository[] {
  return rows.filter(isRow).flatMap(({ path }) => (typeof path === 'string' ? [{ repository: path }] : []));
}

/** A token for the registry is one for the API, too. */
function tokenOf(login: Login): string {
  return login.kind === 'password' ? login.password : login.token;
}

function notTrusted(upstream: string, { origin }: URL): Fault {
  const message = `${upstream}: GitLab lists its registry at ${origin}, which is not trusted with these credentials.`;
  return new Fault('invalid-reference', message, `Add ${origin} to passCredentials, or name the charts in charts.`);
}
