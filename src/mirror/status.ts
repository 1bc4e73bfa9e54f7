import { plainFault, type Fault } from '../chart/fault.ts';
import { timestamp } from '../lib/clock.ts';
import type { FaultReport, UpstreamCounts, UpstreamStatus } from './contract.ts';
import type { Known } from './known.ts';

/** One upstream as the API shows it. */
export function statusOf(known: Known, contested: number): UpstreamStatus {
  const { settings, attempts, rejected } = known;
  const time = (ms: number | undefined) => (ms === undefined ? undefined : timestamp(ms));
  return {
    name: settings.name,
    type: settings.type,
    url: settings.url,
    state: stateOf(known),
    schedule: settings.intervalMs === 0 ? 'manual' : 'timed',
    lastAttempt: time(attempts.lastAttemptMs),
    lastSuccess: time(attempts.lastSuccessMs) ?? known.record.listedAt,
    nextAttempt: time(attempts.nextAttemptMs),
    counts: countsOf(known, contested),
    rejected,
    ...(attempts.fault && { fault: faultReport(attempts.fault) }),
  };
}

/** A fault without its class. */
export function faultReport(fault: Fault): FaultReport {
  const { code, message, advice } = plainFault(fault);
  return { code, message, advice };
}

function stateOf({ attempts, listed }: Known): UpstreamStatus['state'] {
  if (attempts.fault) return attempts.fault.code === 'listing-refused' ? 'refused' : 'failing';
  return listed ? 'ok' : 'never';
}

function countsOf(known: Known, contested: number): UpstreamCounts {
  const { charts = 0, versions = 0, held = 0, withdrawn = 0, rewritten = 0, bytes = 0 } = known.survey ?? {};
  const rejectedRows = Object.values(known.rejected).reduce((sum, count) => sum + count, 0);
  const fresh = [...known.fresh.values()].filter(({ chart, version }) => !known.snapshot.find(chart, version));
  return {
    charts,
    versions,
    held: held + fresh.length,
    withdrawn,
    rewritten,
    contested,
    rejectedRows,
    bytes: fresh.reduce((sum, { archive }) => sum + archive.size, bytes),
  };
}
