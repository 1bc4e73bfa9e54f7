import { onTestFinished } from 'vitest';

import { systemClock } from '../../../src/lib/clock.ts';
import { catalogDiscovery } from '../../../src/upstream/discovery/catalog.ts';
import { registryAddress } from '../../../src/upstream/registry/address.ts';
import { ociRegistry } from '../../../src/upstream/registry/oci-registry.ts';
import { rationHeaders, type OfferedChart } from '../../contract/upstream-fixture.ts';
import { describeUpstream } from '../../contract/upstream.ts';
import { fakeRegistry } from '../../support/fake-registry.ts';
import { httpClientOf } from '../../support/http.ts';

describeUpstream('an OCI registry whose charts its catalog names', async (first) => {
  const registry = await fakeRegistry({ pageSize: 2 });
  let present: readonly OfferedChart[] = [];
  const offer = (charts: readonly OfferedChart[]): void => {
    for (const { name, version } of present) registry.removeTag(`charts/${name}`, version.replaceAll('+', '_'));
    for (const chart of charts) registry.push(`charts/${chart.name}`, chart);
    const repositories = [...new Set(charts.map(({ name }) => `charts/${name}`)), 'other/image'];
    registry.on('/v2/_catalog', { body: JSON.stringify({ repositories }) });
    present = charts;
  };
  offer(first);
  const upstream = 'fixture';
  const address = registryAddress(upstream, `oci://${new URL(registry.origin).host}/charts`, true);
  const http = httpClientOf(registry.origin, { upstream });
  const reach = { trusted: [address.origin] as const, archiveHosts: [], allowPrivateNetwork: false };
  const parts = { upstream, address, http, reach, login: undefined, openApi: () => http, clock: systemClock };
  const discover = async () => catalogDiscovery(parts);
  return {
    upstream: ociRegistry({ name: upstream, address, charts: ['*'], http, discover, clock: systemClock }),
    offer: async (charts) => offer(charts),
    ration: async (allowance) => registry.alwaysSay(rationHeaders(allowance)),
    fail: async () => registry.all({ status: 500, body: 'oops' }),
    failPartly: async () => registry.on('/v2/charts/nginx/tags/list', { status: 503 }),
    hang: async () => {
      const [arrived, latch] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      onTestFinished(() => latch.resolve());
      registry.all(() => {
        arrived.resolve();
        return { hold: latch.promise };
      });
      return { arrived: arrived.promise };
    },
  };
});
