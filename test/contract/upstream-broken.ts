import { claimTable } from '../../src/chart/catalog.ts';
import type { Listing, Upstream } from '../../src/upstream/contract.ts';
import { provenance, type OfferedChart, type UpstreamFixture } from './upstream-fixture.ts';

/**
 * An upstream with every fault the contract forbids: it lists what it managed to read, takes failure for absence,
 * remembers what it was once asked, hands out one chart for another, and makes up what it was not told. For a test
 * that each promise rejects it.
 */
export const brokenUpstream: UpstreamFixture = async (charts) => {
  let present = charts;
  let failing = false;
  const real = listedCharts(charts);
  const broken: Upstream = {
    list: async () => ({
      ...real,
      validator: {},
      claims: failing ? real.claims : listedCharts(present.slice(1)).claims,
    }),
    find: async (chart, version) => ({ chart, version, source: `${chart} ${version}`, pinned: 'elsewhere' }),
    describe: async () => undefined,
    open: async (_, part) => {
      const [first] = present;
      const body = part === 'archive' ? first?.archive : provenance;
      return {
        size: undefined,
        body: (async function* () {
          yield body ?? Buffer.alloc(0);
        })(),
      };
    },
    allowance: () => ({ remaining: 0, limit: 100, windowMs: 1000 }),
  };
  return {
    upstream: broken,
    offer: async (next) => {
      present = next;
    },
    fail: async () => {
      failing = true;
    },
    failPartly: async () => {
      failing = true;
    },
    reword: async () => undefined,
  };
};

function listedCharts(charts: readonly OfferedChart[]): Listing {
  const claims = charts.map(({ name: chart, version }) => ({ chart, version, source: `${chart} ${version}` }));
  return { claims: claimTable(claims), validator: {}, rejected: {}, examples: [] };
}
