import { statusOf } from '../../chart/fault-answers.ts';
import type { Fault, FaultCode } from '../../chart/fault.ts';
import type { Offered } from '../../chart/select.ts';
import type { Blobs } from '../../store/blobs.ts';
import type { Known } from '../committing/known.ts';
import type { RepositoryWord } from '../contract/explain.ts';
import type { Refusal } from '../offering/refusals.ts';
import { memberOf, placesToAsk } from '../reading/rulings.ts';

type Answer = RepositoryWord['answer'];

/** An upstream that failed so when it was listed fails alike when it is asked for an archive. */
const outOfReach: ReadonlySet<FaultCode> = new Set([
  'upstream-unreachable',
  'tls-untrusted',
  'upstream-failed',
  'unauthorized',
  'forbidden',
  'rate-limited',
]);

/** What a request gets for a version that is offered. `members` are those of the repository, here and below. */
export function offeredAnswer(
  members: readonly Known[],
  { member, version: { chart, version, claims } }: Offered,
  blobs: Pick<Blobs, 'hot'>,
): Answer {
  const known = memberOf({ members }, member);
  const kept = known.held(chart, version);
  const ifValid = known.offering.mustBeJudged(kept) ? ', once its provenance is found valid' : '';
  if (kept) {
    const where = blobs.hot(kept.archive.digest) ? 'memory' : 'the store';
    return { status: 200, text: `The archive, from ${where}${ifValid}.` };
  }
  const trouble = reachOf(known) ?? known.failures.faultOf(chart, version);
  if (trouble) return { status: statusOf(trouble), text: `It is not held, and cannot be fetched: ${trouble.message}` };
  if (claims.every(({ missing }) => missing)) {
    return {
      status: 404,
      text: `It is not held, and ${known.name} does not list it any more; it may have the archive still.`,
    };
  }
  return { status: 200, text: `The archive, which is not held yet: it is fetched from ${known.name} first${ifValid}.` };
}

/** What a request gets for a version that is not offered. */
export function refusedAnswer(members: readonly Known[], refusal: Refusal, nowMs: number): Answer {
  if (refusal.outcome === 'denied') return { status: 403, text: `It is denied by the rule ${refusal.rule.text}.` };
  if (refusal.outcome === 'hidden' && refusal.rule.option === 'verify')
    return { status: 403, text: 'Its provenance is not accepted, unless there is another one by now.' };
  const asked = placesToAsk(refusal)
    .map((at) => memberOf({ members }, at))
    .filter(({ settings }) => !settings.retired && settings.intervalMs > 0);
  if (asked.length === 0) return { status: 404, text: 'It is not offered, and no upstream is asked for it.' };
  for (const known of asked) {
    const trouble = silenceOf(known, nowMs);
    if (trouble) return { status: statusOf(trouble), text: `Whether there is one cannot be told: ${trouble.message}` };
  }
  return {
    status: 404,
    text: `It is not found, unless ${namesOf(asked)} has it by now and says so when asked${silenceWords(asked)}.`,
  };
}

/** Whoever never answered yet may not answer now. */
function silenceWords(asked: readonly Known[]): string {
  const unheard = asked.filter(({ listed }) => !listed);
  if (unheard.length === 0) return '';
  return `; 502 or 504 while ${namesOf(unheard)}, never listed yet, does not answer`;
}

function namesOf(all: readonly Known[]): string {
  return all.map(({ name }) => name).join(' or ');
}

/** Why an upstream would not say whether it has something: it is left alone for now, or its listing would fail again. */
function silenceOf(known: Known, nowMs: number): Fault | undefined {
  const { fault, nextAttemptMs = 0 } = known.attempts;
  // a registry is asked for the tag, whatever became of its listing
  if (nextAttemptMs <= nowMs && known.settings.type === 'registry') return reachOf(known);
  return fault ?? known.brake.refusal();
}

/** Why an upstream would not give what it is asked for. */
function reachOf({ brake, attempts: { fault } }: Known): Fault | undefined {
  return brake.refusal() ?? (fault && outOfReach.has(fault.code) ? fault : undefined);
}
