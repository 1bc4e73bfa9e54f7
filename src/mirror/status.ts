import { plainFault, type Fault } from '../chart/fault.ts';
import type { KeptVersion } from '../chart/holding.ts';
import type { Offering } from '../chart/offering.ts';
import { namesIn } from '../chart/survey.ts';
import type { ProvenanceState } from '../chart/verdict.ts';
import { timestamp } from '../lib/clock.ts';
import type { Known } from './committing/known.ts';
import type {
  FailedVersion,
  FaultReport,
  ProvenanceReport,
  ProvenanceStatus,
  RewrittenVersion,
  UnverifiedVersion,
  UpstreamCounts,
  UpstreamStatus,
} from './contract/operator.ts';

const maxShown = 200;

/** One upstream as the API shows it. */
export function statusOf(known: Known, contested: number): UpstreamStatus {
  const { settings, attempts, rejected } = known;
  const time = (ms: number | undefined) => (ms === undefined ? undefined : timestamp(ms));
  const schedule = scheduleOf(known);
  const isAsked = schedule !== 'retired';
  const fault = known.damage ?? (isAsked ? attempts.fault : undefined);
  const nextAttempt = schedule === 'timed' || !known.listed ? time(attempts.nextAttemptMs) : undefined;
  return {
    name: settings.name,
    type: settings.type,
    url: settings.url,
    state: stateOf(known),
    schedule,
    lastAttempt: time(attempts.lastAttemptMs),
    lastSuccess: known.listed ? (time(attempts.lastSuccessMs) ?? known.record.listedAt) : undefined,
    nextAttempt: isAsked ? nextAttempt : undefined,
    counts: countsOf(known, contested),
    provenance: provenanceStatusOf(known),
    rejected,
    ...(fault && { fault: withNextAttempt(faultReport(fault), nextAttempt) }),
    ...(settings.warnings.length > 0 && { warnings: settings.warnings }),
  };
}

/** A fault without its class. */
export function faultReport(fault: Fault): FaultReport {
  const { code, message, advice } = plainFault(fault);
  return { code, message, advice };
}

/** The versions that could not be fetched, those that are tried again first before the others. */
export function failedVersionsOf(known: Known): readonly FailedVersion[] {
  return known.failures.noted().map(({ chart, version, fault, attempts, nextMs }) => {
    const { code, message, advice } = fault;
    return { chart, version, fault: { code, message, advice }, attempts, nextAttempt: timestamp(nextMs) };
  });
}

/** The versions of which upstream promises other bytes than the ones that are held. */
export function rewrittenVersionsOf(known: Known): readonly RewrittenVersion[] {
  const found: RewrittenVersion[] = [];
  for (const [chart, version] of known.survey ? namesIn(known.survey.rewrites) : []) {
    if (found.length >= maxShown) break;
    const held = known.held(chart, version)?.archive.digest;
    const claims = known.catalog.find(chart, version)?.claims ?? [];
    const claimed = claims.find((claim) => !claim.missing && claim.digest !== held)?.digest;
    if (held !== undefined && claimed !== undefined) found.push({ chart, version, held, claimed });
  }
  return found;
}

/** The held versions whose provenance is not valid; undefined where that is not checked. */
export function unverifiedVersionsOf(known: Known): readonly UnverifiedVersion[] | undefined {
  if (!known.settings.verify) return undefined;
  return [...(known.survey ? namesIn(known.survey.unverified) : [])].flatMap(([chart, version]) => {
    const kept = known.held(chart, version);
    const { result = 'valid', reason = '' } = (kept && known.offering.verdictOf(kept)) ?? {};
    return result === 'valid' ? [] : [{ chart, version, result, reason }];
  });
}

/** What is known of the provenance of a version; of one that is not held, that nothing is. */
export function provenanceReport(offering: Offering, kept: KeptVersion | undefined): ProvenanceReport {
  const { verifies: mode } = offering;
  const { result = 'unjudged', signer, key, reason } = (kept && offering.verdictOf(kept)) ?? {};
  const available = kept?.provenance && kept.provenance !== 'none';
  return { result: mode ? result : 'unchecked', mode, signer, key, reason, available };
}

/** When it goes on is the first question of whoever reads of trouble that passes. */
function withNextAttempt({ code, message, advice }: FaultReport, nextAttempt: string | undefined): FaultReport {
  const passes = code === 'upstream-failed' || code === 'rate-limited' || code === 'upstream-unreachable';
  return { code, message, advice: passes && nextAttempt ? `${advice} Next attempt at ${nextAttempt}.` : advice };
}

function scheduleOf({ settings }: Known): UpstreamStatus['schedule'] {
  if (settings.retired) return 'retired';
  return settings.intervalMs === 0 ? 'manual' : 'timed';
}

function stateOf({ settings, attempts, listed, damage }: Known): UpstreamStatus['state'] {
  if (damage) return 'failing';
  if (attempts.fault && !settings.retired) return attempts.fault.code === 'listing-refused' ? 'refused' : 'failing';
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

/** What was found out since the last commit is counted too. */
function provenanceStatusOf({
  settings: { verify },
  survey,
  fresh,
  snapshot,
  offering,
}: Known): ProvenanceStatus | undefined {
  if (!verify) return undefined;
  const counts = { valid: 0, missing: 0, invalid: 0, unjudged: 0, ...survey?.provenance };
  const stateOf = (kept: KeptVersion): ProvenanceState => offering.verdictOf(kept)?.result ?? 'unjudged';
  for (const kept of fresh.values()) {
    const before = snapshot.find(kept.chart, kept.version);
    if (before) counts[stateOf(before)] -= 1;
    counts[stateOf(kept)] += 1;
  }
  return { mode: verify.mode, ...counts };
}
