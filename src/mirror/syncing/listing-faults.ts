import { Fault } from '../../chart/fault.ts';
import type { Shrunken } from '../../chart/reconcile.ts';
import type { Listing } from '../../upstream/contract.ts';
import type { Known } from '../committing/known.ts';

/** What to tell whoever reads the log of versions that have other bytes upstream by now. */
export function rewrittenAdvice({ name }: Known): string {
  return `versions were rewritten upstream; their first bytes stay. GET /api/v1/upstreams/${name} names them`;
}

/** A listing that lost more than it may. */
export function shrunken({ name }: Known, { known, listed }: Shrunken): Fault {
  return new Fault(
    'listing-refused',
    `${name}: lists ${listed} versions, it listed ${known}. The last good listing stays.`,
    `Accept it with POST /api/v1/upstreams/${name}/sync?accept=shrink.`,
  );
}

/** An operator asked for what is retired. */
export function retired({ name }: Known): Fault {
  return new Fault(
    'listing-refused',
    `${name}: is retired, and so it is not asked for anything.`,
    'What is held of it goes on being served. Set retired: false to sync it again.',
  );
}

/** A first listing that is empty, or one of which nothing is left for us. */
export function nothingThere({ name, listed }: Known, rejected: Listing['rejected']): Fault {
  const what = listed ? 'nothing it lists is a chart we are to offer' : 'the first listing has no charts';
  return noCharts(name, what, rejected);
}

/** A listing without a chart for us. */
export function noCharts(upstream: string, what: string, rejected: Listing['rejected']): Fault {
  const dropped = Object.values(rejected).reduce((sum, count) => sum + count, 0);
  return new Fault(
    'no-charts-found',
    `${upstream}: ${what}${dropped > 0 ? ` (${dropped} rows were dropped)` : ''}.`,
    'Check the url and the options charts and versions; an empty repository is listed as soon as it has a chart.',
  );
}
