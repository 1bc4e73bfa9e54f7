import { systemClock, type Clock } from '../../src/lib/clock.ts';
import { Secret } from '../../src/lib/secret.ts';
import { passwordLogin, type Login, type LoginSource } from '../../src/upstream/credentials/login.ts';
import { registryAuthorization } from '../../src/upstream/credentials/registry.ts';
import type { Reach } from '../../src/upstream/http/reach.ts';
import { fakeRegistry, type FakeRegistry } from './fake-registry.ts';
import { httpClientOf, type TestClient } from './http.ts';

/** Who may read in the registries made here. */
export const user = { username: 'reader', password: 's3cret:with/odd=chars' };
/** What proves it. */
export const basic = `Basic ${Buffer.from(`${user.username}:${user.password}`).toString('base64')}`;
/** A list of tags that they have. */
export const path = '/v2/charts/podinfo/tags/list';

interface ClientOptions {
  readonly anonymous?: boolean;
  readonly clock?: Clock;
  /** That of the user when absent. */
  readonly login?: LoginSource;
  /** That of `reachOf` when absent. */
  readonly reach?: Reach;
}

/** A client of theirs that describes itself, for the user or for nobody. */
export interface RegistryTestClient extends TestClient {
  describe(): string;
}

/** The registry and its token service are trusted, and other ports of loopback may be led to. */
export function reachOf(registry: FakeRegistry): Reach {
  const trusted = [new URL(registry.origin), new URL(registry.tokens.origin)] as const;
  return { trusted, archiveHosts: [], allowPrivateNetwork: true };
}

/** A client of theirs, for the user or for nobody. */
export function clientOf(registry: FakeRegistry, options: ClientOptions = {}): RegistryTestClient {
  const { clock = systemClock, anonymous = false } = options;
  const known = options.login ?? passwordLogin('nexus', Secret.of(user.username), Secret.of(user.password));
  const reach = options.reach ?? reachOf(registry);
  const login = anonymous ? undefined : known;
  const authorization = registryAuthorization({ upstream: 'nexus', reach, login, clock });
  const client = httpClientOf(registry.origin, { authorization, clock, reach });
  return { ...client, describe: () => authorization.describe() };
}

/** A source that has one login after the other: the next when the one before was refused. */
export function loginsOf(...logins: readonly Login[]): LoginSource & { readonly refused: readonly Login[] } {
  const refused: Login[] = [];
  let at = 0;
  return {
    description: 'changing login',
    refused,
    login: async (other) => {
      if (other) refused.push(other);
      if (other && other === logins[at] && at < logins.length - 1) at += 1;
      return logins[at];
    },
  };
}

/** A registry for the user, with two charts that are no charts. */
export async function registryWith(options: Parameters<typeof fakeRegistry>[0]): Promise<FakeRegistry> {
  const registry = await fakeRegistry({ ...user, ...options });
  registry.put('charts/podinfo', '1.0.0', '{}');
  registry.put('charts/loki', '1.0.0', '{}');
  return registry;
}

/** The Authorization of each request so far. */
export const sentTo = (registry: FakeRegistry): (string | undefined)[] =>
  registry.requests.map((request) => request.headers.authorization);

/** The status of one request, its body forgotten. */
export async function statusOf(client: TestClient, registry: FakeRegistry, where = path): Promise<number> {
  const answer = await client.get(registry.url(where));
  await answer.dump();
  return answer.status;
}
