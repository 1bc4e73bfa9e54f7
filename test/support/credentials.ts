import { systemClock, type Clock } from '../../src/lib/clock.ts';
import { Secret } from '../../src/lib/secret.ts';
import { registryAuthorization } from '../../src/upstream/credentials/registry.ts';
import { fakeRegistry, type FakeRegistry } from './fake-registry.ts';
import { httpClientOf, type TestClient } from './http.ts';

/** Who may read in the registries made here. */
export const user = { username: 'reader', password: 's3cret:with/odd=chars' };
/** What proves it. */
export const basic = `Basic ${Buffer.from(`${user.username}:${user.password}`).toString('base64')}`;
/** A list of tags that they have. */
export const path = '/v2/charts/podinfo/tags/list';

/** A client of theirs, for the user or for nobody. */
export function clientOf(registry: FakeRegistry, options: { anonymous?: boolean; clock?: Clock } = {}): TestClient {
  const { clock = systemClock } = options;
  const credential = options.anonymous ? undefined : { username: user.username, password: Secret.of(user.password) };
  const origin = new URL(registry.origin);
  const authorization = registryAuthorization({ upstream: 'nexus', registry: origin, credential, clock });
  return httpClientOf(registry.origin, { authorization, clock });
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
