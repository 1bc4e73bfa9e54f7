import { parseChallenges } from '../credentials/challenge.ts';
import { anonymous } from '../credentials/preemptive.ts';
import { faultOfStatus } from '../http/faults.ts';
import type { HttpAnswer } from '../http/http.ts';
import { isWebPage, notARegistry } from '../registry/faults.ts';
import { artifactoryDiscovery } from './artifactory.ts';
import { catalogDiscovery } from './catalog.ts';
import type { Discovery, DiscoveryParts } from './discovery.ts';
import { giteaDiscovery } from './gitea.ts';
import { gitlabDiscovery, isGitlabCom } from './gitlab.ts';
import { harborDiscovery } from './harbor.ts';
import { hostedDiscovery } from './hosted.ts';
import { quayDiscovery } from './quay.ts';

/**
 * The way in which a registry lists what it has: by the host of hosted products, without asking anybody, else by what
 * its `/v2/` shows to a stranger, which is one request. What shows nothing is asked for its catalog. Faults with
 * 'not-a-registry' for what is none.
 */
export async function chooseDiscovery(parts: DiscoveryParts, signal: AbortSignal): Promise<Discovery> {
  const { address } = parts;
  const hosted = hostedDiscovery(parts);
  if (hosted) return hosted;
  if (isGitlabCom(address.origin.host)) return gitlabDiscovery(parts);
  const stranger = parts.openApi(address.origin, anonymous);
  try {
    const answer = await stranger.request({ url: new URL('/v2/', address.origin), signal });
    await answer.dump();
    if (answer.status === 429 || answer.status >= 500) throw faultOfStatus(parts.upstream, answer);
    // what stands there for a moment, such as a page for people, must not be taken for a product for good
    if (answer.status === 404 || (answer.status === 200 && isWebPage(answer)))
      throw notARegistry(parts.upstream, answer);
    return discoveryOf(parts, answer);
  } finally {
    await stranger.close();
  }
}

/** Products by the service that tokens are for and the path of who gives them. Quay calls its service after its host. */
const services: readonly (readonly [shown: RegExp, discovery: (parts: DiscoveryParts, realm: URL) => Discovery])[] = [
  [/^harbor-registry /, harborDiscovery],
  [/^container_registry \/jwt\/auth$/, (parts, realm) => gitlabDiscovery(parts, new URL(realm.origin))],
  [/^container_registry /, giteaDiscovery],
  [/ \/v2\/auth$/, quayDiscovery],
];

function discoveryOf(parts: DiscoveryParts, { status, headers }: HttpAnswer): Discovery {
  if (headers['x-jfrog-version'] ?? headers['x-artifactory-id']) return artifactoryDiscovery(parts);
  if (/^nexus/i.test(String(headers['server']))) return catalogDiscovery(parts, 'Nexus');
  const offered = status === 401 ? parseChallenges(headers['www-authenticate']) : [];
  const token = offered.find(({ scheme }) => scheme === 'bearer')?.params;
  const realm = URL.parse(token?.get('realm') ?? '');
  const known = realm && services.find(([shown]) => shown.test(`${token?.get('service')} ${realm.pathname}`));
  return known ? known[1](parts, realm) : catalogDiscovery(parts);
}
