import { Catalog } from '../chart/catalog.ts';
import { asFault, Fault } from '../chart/fault.ts';
import { nameFilter } from '../chart/names.ts';
import type { Clock } from '../lib/clock.ts';
import type { Prober, Trial } from './contract/commands.ts';
import type { UpstreamSettings } from './settings.ts';
import { faultReport } from './status.ts';
import { noCharts } from './syncing/listing-faults.ts';

/** An upstream to ask. */
export interface Probed {
  readonly settings: UpstreamSettings;
  /** What authenticated last, in words. */
  readonly authenticatedBy: () => string;
}

interface ProberParts {
  readonly upstreams: readonly Probed[];
  readonly storeKind: string;
  /** Rejects with 'store-failed'. */
  readonly prepareStore: () => Promise<void>;
  readonly clock: Clock;
}

/** Lists every upstream as its first sync would, and contacts the store as a start does; keeps nothing. */
export function prober({ upstreams, storeKind, prepareStore, clock }: ProberParts): Prober {
  const timed = async (
    name: string,
    work: () => Promise<Partial<Trial>>,
  ): Promise<Partial<Trial> & { readonly durationMs: number }> => {
    const startMs = clock.elapsed();
    const found = await work().catch((error: unknown) => ({
      fault: faultReport(asFault(error, () => unexpected(name, error))),
    }));
    return { ...found, durationMs: clock.elapsed() - startMs };
  };
  const tryUpstream = async ({ settings, authenticatedBy }: Probed, signal: AbortSignal): Promise<Trial> => {
    const { name, type } = settings;
    const found = await timed(name, async () => ({ charts: await chartsOf(settings, signal) }));
    return { name, type, authenticatedBy: authenticatedBy(), ...found };
  };
  const tryStore = async (): Promise<Trial> => ({
    name: 'store',
    type: storeKind,
    ...(await timed('store', () => prepareStore().then(() => ({})))),
  });
  return {
    probe: async (signal) => {
      const asked = upstreams.filter(({ settings }) => !settings.retired);
      const trials = await Promise.all([...asked.map((one) => tryUpstream(one, signal)), tryStore()]);
      signal.throwIfAborted();
      return trials;
    },
  };
}

/** How many charts it has for us; undefined for a registry that cannot be listed. */
async function chartsOf(settings: UpstreamSettings, signal: AbortSignal): Promise<number | undefined> {
  const listing = await settings.upstream.list(undefined, signal);
  if ('unchanged' in listing) return undefined;
  const catalog = new Catalog(listing.claims);
  const names = [...catalog.charts()];
  const meant = names.filter(nameFilter(settings.charts));
  const charts = meant.length - (await othersAmong(settings, catalog, meant.slice(0, maxLookedAt), signal));
  if (charts > 0) return charts;
  if (settings.unlisted) return undefined;
  const what = names.length > 0 ? 'nothing it lists is a chart we are to offer' : 'it lists no charts';
  throw noCharts(settings.name, what, listing.rejected);
}

/** A registry's names may be those of images. So many are looked at; of a registry with more it is the names that count. */
const maxLookedAt = 20;

/** How many of the names are not charts, by their newest version. */
async function othersAmong(
  { upstream }: UpstreamSettings,
  catalog: Catalog,
  names: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  let others = 0;
  for (const name of names) {
    const [newest] = catalog.versions(name);
    const claim = newest?.claims[0];
    if (!claim || claim.metadata !== undefined) continue;
    await upstream.describe(claim.source, signal).catch((error: unknown) => {
      if (!(error instanceof Fault) || error.code !== 'not-a-chart') throw error;
      others += 1;
    });
  }
  return others;
}

function unexpected(name: string, cause: unknown): Fault {
  return new Fault('upstream-failed', `${name}: ${String(cause)}.`, 'This is a defect; please report it.', { cause });
}
