import { statusOf } from '../../chart/fault-answers.ts';
import { Fault } from '../../chart/fault.ts';
import type { Decided, Decision, Offered, Selection } from '../../chart/select.ts';
import type { Blobs } from '../../store/blobs.ts';
import type { ChartRef } from '../contract/doors.ts';
import type { ExplainQuery, RepositoryWord, VersionTally } from '../contract/explain.ts';
import { clarified, hidingWords, refusedBy } from '../offering/refusals.ts';
import type { Offer, Served } from '../offering/served.ts';
import { offeredAnswer, refusedAnswer } from './forecast.ts';
import { providerWords, unprovidedWords } from './providers.ts';

interface Question extends Pick<ExplainQuery, 'chart' | 'version'> {
  readonly blobs: Pick<Blobs, 'hot'>;
  readonly nowMs: number;
}

/** What a repository says to a chart, or to one version of it, and why. */
export function repositoryWord(served: Served, { chart, version, blobs, nowMs }: Question): RepositoryWord {
  const offer = offerOf(served);
  if (offer instanceof Fault) return unavailable(served.name, offer);
  const { selection, members } = offer;
  const all = version === undefined ? [...selection.decisions(chart)] : [];
  const spoken = version ?? versionToSpeakOf(all);
  const decision = decide(offer, chart, spoken);
  const { provider, reason: providerReason, contestedBy } = providerWords(selection, chart, version);
  const isListed = decision.outcome === 'offered' && lists(selection, decision);
  return {
    repository: served.name,
    outcome: decision.outcome,
    ...(spoken !== undefined && { version: spoken }),
    ...(provider !== undefined && { provider }),
    providerReason,
    reason: reasonOf(selection, { chart, version: spoken ?? '' }, decision),
    listed: isListed,
    contestedBy,
    answer:
      decision.outcome === 'offered'
        ? offeredAnswer(members, decision, blobs)
        : refusedAnswer(members, decision, nowMs),
    ...(version === undefined && { versions: tally(selection, all) }),
  };
}

/** What is served, or why nothing is. */
export function offerOf(served: Served): Offer | Fault {
  try {
    return served.offer;
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
}

function unavailable(repository: string, fault: Fault): RepositoryWord {
  return {
    repository,
    outcome: 'unavailable',
    providerReason: 'Who provides what is not known yet.',
    reason: fault.message,
    listed: false,
    contestedBy: [],
    answer: { status: statusOf(fault), text: fault.message },
  };
}

/** As the doors do: what is denied by its digest, or for its provenance, may be held and not committed yet. */
function decide({ selection, members }: Offer, chart: string, version: string | undefined): Decision {
  if (version === undefined) return decideName(selection, chart);
  const decision = clarified(selection, chart, selection.decide(chart, version));
  if (decision.outcome !== 'offered') return decision;
  const { member } = decision;
  const kept = members[member]?.held(chart, version);
  const rule = kept && selection.deniedDigest(chart, kept);
  if (rule) return { outcome: 'denied', rule };
  const isRefused = kept && selection.members[member]?.offering.admits(kept) === false;
  return isRefused ? { outcome: 'hidden', rule: { by: 'upstream', member, option: 'verify' } } : decision;
}

/** Of a name without versions: only what is said of all that it could have counts. */
function decideName(selection: Selection, chart: string): Decision {
  const anyVersion = '0.0.0';
  const decision = clarified(selection, chart, selection.decide(chart, anyVersion));
  const isForAll =
    (decision.outcome === 'denied' && decision.rule.range === undefined) ||
    (decision.outcome === 'hidden' && decision.rule.option === 'charts');
  return isForAll ? decision : { outcome: 'absent', candidates: selection.candidates(chart, anyVersion) };
}

/** The newest that is offered, else the newest there is. */
function versionToSpeakOf(all: readonly Decided[]): string | undefined {
  return (all.find(({ decision }) => decision.outcome === 'offered') ?? all[0])?.version;
}

function tally(selection: Selection, all: readonly Decided[]): VersionTally {
  const offered = all.flatMap(({ decision }) => (decision.outcome === 'offered' ? [decision] : []));
  const described = offered.filter(({ claim }) => claim).length;
  const listed = Math.min(described, selection.rules.listNewest ?? Infinity);
  return { offered: offered.length, listed, hidden: refusedBy(selection, all) };
}

function lists(selection: Selection, { claim, version: { chart, version } }: Offered): boolean {
  if (!claim || selection.rules.listNewest === undefined) return claim !== undefined;
  for (const listed of selection.listed(chart)) if (listed.version.version === version) return true;
  return false;
}

function reasonOf(selection: Selection, name: Pick<ChartRef, 'chart' | 'version'>, decision: Decision): string {
  switch (decision.outcome) {
    case 'offered':
      return offeredReason(selection, decision);
    case 'denied':
      return `The entry ${decision.rule.text} of deny refuses it.`;
    case 'hidden':
      return `It is hidden: ${hidingWords(selection, name, decision.rule)}.`;
    case 'absent':
      return absentReason(selection, name.chart, decision.candidates);
  }
}

function offeredReason(selection: Selection, decision: Offered): string {
  const { member, claim, provisional } = decision;
  if (provisional && selection.members[member]?.offering.verifies === 'require')
    return 'No rule hides it as far as is known; that changes if its provenance is not accepted (verify.mode: require).';
  if (provisional)
    return 'No rule hides it as far as is known; deny and deprecated are applied again once it is fetched.';
  if (lists(selection, decision)) return 'No rule hides it.';
  if (!claim) return 'No rule hides it; lists show it once its registry has described it.';
  return `No rule hides it; lists show the newest ${selection.rules.listNewest} of each chart only (listNewest).`;
}

function absentReason(selection: Selection, chart: string, candidates: readonly number[]): string {
  const owner = selection.ownerOf(chart);
  const provider = typeof owner === 'number' ? selection.members[owner]?.name : undefined;
  if (provider === undefined || candidates.some((at) => at !== owner)) return unprovidedWords(selection, chart);
  return `${provider} alone provides ${chart} here, and does not list it.`;
}
