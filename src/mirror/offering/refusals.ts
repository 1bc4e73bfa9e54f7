import { Fault } from '../../chart/fault.ts';
import type { DenyRule } from '../../chart/rules.ts';
import type { Decided, Decision, HidingRule, Offered, Selection } from '../../chart/select.ts';
import type { Verdict } from '../../chart/verdict.ts';
import type { ChartRef } from '../contract/doors.ts';

/** What a repository says to a version that it does not offer. */
export type Refusal = Exclude<Decision, Offered>;

/** The rule that hides a version, in words that follow "because". */
export function hidingWords(selection: Selection, name: VersionName, rule: HidingRule): string {
  if (rule.by === 'upstream') {
    const upstream = selection.members[rule.member]?.name ?? '';
    const verdict = verdictBehind(selection, name, rule);
    return `${upstreamWords[rule.option](upstream)}${verdict?.reason === undefined ? '' : `: ${verdict.reason}`}`;
  }
  if (rule.option === 'cooldown')
    return `it has not been known for long enough (cooldown): it is offered from ${rule.until}`;
  return repositoryWords[rule.option];
}

type VersionName = Pick<ChartRef, 'chart' | 'version'>;

const repositoryWords = {
  charts: 'the option charts of the repository leaves this name out',
  versions: 'the option versions of the repository leaves this version out',
  prereleases: 'the repository offers no prereleases (prereleases: false)',
  deprecated: 'it is deprecated, and the repository offers nothing that is (deprecated: false)',
};

const upstreamWords = {
  'not-a-chart': (upstream: string) => `what ${upstream} has under this name is not a chart`,
  charts: (upstream: string) => `the option charts of the upstream ${upstream} leaves this name out`,
  versions: (upstream: string) => `the option versions of the upstream ${upstream} leaves this version out`,
  withdrawn: (upstream: string) => `${upstream} does not list it any more (withdrawn: drop)`,
  retired: (upstream: string) => `${upstream} is retired, and this version was not fetched before`,
  verify: (upstream: string) => `its provenance is not accepted (verify.mode: require of ${upstream})`,
};

/** How many of these versions are denied or hidden, by the rule: `cooldown`, `deny nginx@<15`, `versions of ghcr`. */
export function refusedBy(selection: Selection, all: Iterable<Decided>): Readonly<Record<string, number>> {
  const refused: Record<string, number> = {};
  for (const { decision } of all) {
    if (decision.outcome === 'offered') continue;
    const rule = ruleOf(selection, decision);
    refused[rule] = (refused[rule] ?? 0) + 1;
  }
  return refused;
}

function ruleOf({ members }: Selection, decision: Refusal): string {
  if (decision.outcome === 'denied') return `deny ${decision.rule.text}`;
  if (decision.outcome === 'absent') return 'absent';
  const { rule } = decision;
  return rule.by === 'repository' ? rule.option : `${rule.option} of ${members[rule.member]?.name}`;
}

/**
 * The same refusal, with the filter that keeps the version away where nobody is left to ask: that of the upstream which
 * provides the name, or of one that lists the name and may not provide it.
 */
export function clarified<D extends Decision>(selection: Selection, chart: string, refusal: D): D | Refusal {
  if (refusal.outcome !== 'absent' || refusal.candidates.length > 0) return refusal;
  const owner = selection.ownerOf(chart);
  const member = owner === undefined ? excluderOf(selection, chart) : owner;
  const offering = typeof member === 'number' ? selection.members[member]?.offering : undefined;
  if (typeof member !== 'number' || !offering) return refusal;
  const option = offering.mayName(chart) ? 'versions' : 'charts';
  return { outcome: 'hidden', rule: { by: 'upstream', member, option } };
}

/** The first that lists a chart and leaves its name out by its own charts, by its place. */
export function excluderOf({ members }: Selection, chart: string): number | undefined {
  const at = members.findIndex(({ offering }) => !offering.mayName(chart) && offering.catalog.hasCharts(chart));
  return at < 0 ? undefined : at;
}

/**
 * What whoever asks for a version is told that is not offered: 'denied' with the rule, or 'not-found', with the option that
 * hides it where one does.
 */
export function refusalFault(selection: Selection, ref: ChartRef, refusal: Refusal): Fault {
  const told = clarified(selection, ref.chart, refusal);
  if (told.outcome === 'denied') return deniedFault(ref, told.rule);
  if (told.outcome === 'hidden') return hiddenFault(selection, ref, told.rule);
  const [only, ...others] = told.candidates;
  if (only === undefined) return absentFault(ref, `No upstream of ${ref.repository} may provide`);
  if (others.length > 0 || selection.ownerOf(ref.chart) !== only) return absentFault(ref, 'No upstream has');
  const provider = selection.members[only]?.name;
  const message = `${provider}, which provides ${ref.chart} here, has no version ${ref.version}.`;
  return new Fault('not-found', message, howToFind);
}

const howToFind = 'Check the name and the version; helm search repo --versions lists what there is.';

function absentFault({ chart, version }: ChartRef, who: string): Fault {
  return new Fault('not-found', `${who} ${chart} ${version}.`, howToFind);
}

/**
 * What whoever asks for a list of a chart is told that nobody lists: 'not-found', or 'unavailable' while one that may have
 * it was never listed.
 */
export function notListed(repository: string, chart: string, unheard?: { readonly name: string }): Fault {
  if (!unheard) {
    const advice = `GET /api/v1/explain?repository=${repository}&chart=${chart} says why.`;
    return new Fault('not-found', `${repository} lists no chart ${chart}.`, advice);
  }
  return new Fault(
    'unavailable',
    `${unheard.name} was never listed yet, so it cannot be told whether it has ${chart}.`,
    'Wait for its first sync; GET /api/v1/status says what is in the way.',
    { retryAfterMs: 5_000 },
  );
}

/** What whoever asks is told while the index that lists a version is still in the making. */
export function notServedYet({ chart, version }: ChartRef): Fault {
  return new Fault(
    'upstream-unreachable',
    `${chart} ${version} was found upstream a moment ago and is not listed here yet.`,
    'Try again in a few seconds.',
    { timedOut: true, retryAfterMs: 2_000 },
  );
}

function hiddenFault(selection: Selection, ref: ChartRef, rule: HidingRule): Fault {
  const verdict = verdictBehind(selection, ref, rule);
  if (verdict && rule.by === 'upstream')
    return provenanceFault(selection.members[rule.member]?.name ?? '', ref, verdict);
  return new Fault(
    'not-found',
    `${ref.chart} ${ref.version} is not offered in ${ref.repository}, because ${hidingWords(selection, ref, rule)}.`,
    'Ask for another version, or whoever runs this server to change that.',
  );
}

/** What was judged of a version that is hidden for its provenance; undefined for what is hidden for something else. */
function verdictBehind({ members }: Selection, { chart, version }: VersionName, rule: HidingRule): Verdict | undefined {
  if (rule.by === 'repository' || rule.option !== 'verify') return undefined;
  const offering = members[rule.member]?.offering;
  const held = offering?.snapshot.find(chart, version);
  return held && offering?.verdictOf(held);
}

/** What whoever asks for a version is told whose provenance is not valid, and must be. */
export function provenanceFault(
  upstream: string,
  { chart, version }: VersionName,
  { result, reason = 'it is not valid' }: Verdict,
): Fault {
  const advice = {
    valid: '',
    missing: 'Have its publisher sign it.',
    invalid: 'Ask its publisher; where only the key is new, add that to verify.keyring once you trust it.',
  };
  return new Fault(
    'provenance-invalid',
    `${upstream}: the provenance of ${chart} ${version} is not accepted, because ${reason}.`,
    advice[result],
  );
}

/** What whoever asks for it is told. */
export function deniedFault({ repository, chart, version }: ChartRef, rule: DenyRule): Fault {
  return new Fault(
    'denied',
    `${chart} ${version} is denied in ${repository} by the rule ${rule.text}.`,
    'Use a version that is not; whoever runs this server knows why.',
  );
}

/** The same for bytes that were asked for by their digest. */
export function deniedBytes(repository: string, rule: DenyRule): Fault {
  const message = `These bytes are denied in ${repository} by the rule ${rule.text}.`;
  return new Fault('denied', message, 'Use a version that is not; whoever runs this server knows why.');
}
