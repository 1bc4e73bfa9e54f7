import type { Explainer, Explanation, ExplainQuery, RepositoryWord, UpstreamWord } from '../mirror/contract/explain.ts';
import { alignColumns, count } from './columns.ts';

interface ExplainOptions {
  readonly explainer: Explainer;
  readonly query: ExplainQuery;
  /** The explanation as it is, for programs. */
  readonly json: boolean;
  readonly print: (text: string) => void;
}

/**
 * Prints why a chart, or a version of it, is offered or not, and answers with the exit status: 0 when some repository offers
 * it, else 1. Rejects with 'not-found' for an unknown repository, 'bad-request' for a name or version that none can have.
 */
export async function explain({ explainer, query, json, print }: ExplainOptions): Promise<0 | 1> {
  const explanation = await explainer.explain(query);
  print(json ? JSON.stringify(explanation, undefined, 2) : describe(explanation));
  return explanation.repositories.some(({ outcome }) => outcome === 'offered') ? 0 : 1;
}

function describe(explanation: Explanation): string {
  const { repositories, upstreams, nearest } = explanation;
  const blocks = [
    [headline(explanation)],
    ...repositories.map(describeRepository),
    describeUpstreams(upstreams, explanation.version),
    nearest.length > 0 ? [`Near to it: ${nearest.join(', ')}.`] : [],
  ];
  return blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n');
}

function headline({ chart, version, repositories }: Explanation): string {
  const what = version === undefined ? chart : `${chart} ${version}`;
  const offering = repositories.filter(({ outcome }) => outcome === 'offered').map(({ repository }) => repository);
  if (offering.length === 0) return `${what} is not offered.`;
  const others = repositories.filter(({ outcome }) => outcome !== 'offered').map(({ repository }) => repository);
  const not = others.length > 0 ? `, and not in ${others.join(', ')}` : '';
  return `${what} is offered in ${offering.join(', ')}${not}.`;
}

function describeRepository(word: RepositoryWord): readonly string[] {
  const { repository, outcome, version, contestedBy, versions, listed, answer } = word;
  const rows = [
    ...(versions && version !== undefined ? [['newest', version]] : []),
    ...(versions ? [['versions', describeTally(versions)]] : []),
    ...describeProvider(word),
    ...(contestedBy.length > 0 ? [['others', `${contestedBy.join(', ')}: not served here`]] : []),
    ['rule', word.reason],
    ['in lists', listed ? 'yes' : 'no'],
    ['request', `${answer.status}: ${answer.text}`],
  ];
  return [`${repository}: ${outcome}`, ...indented(rows)];
}

function describeProvider({ provider, providerReason, reason }: RepositoryWord): readonly (readonly string[])[] {
  if (provider !== undefined) return [['provider', `${provider}. ${providerReason}`]];
  // where nobody lists it that is also the rule
  return providerReason === reason ? [] : [['provider', providerReason]];
}

function describeTally({ offered, listed, hidden }: NonNullable<RepositoryWord['versions']>): string {
  const rules = Object.entries(hidden).map(([rule, versions]) => `${versions} hidden by ${rule}`);
  return [`${offered} offered`, `${listed} in lists`, ...rules].join(', ');
}

function describeUpstreams(words: readonly UpstreamWord[], version: string | undefined): readonly string[] {
  const silent = words.filter((word) => !hasToSay(word));
  const telling = words.filter(hasToSay).flatMap((word) => describeUpstream(word, version));
  const without = namesOf(silent.filter(({ everListed }) => everListed));
  const unheard = namesOf(silent.filter(({ everListed }) => !everListed));
  return [
    'Upstreams',
    ...indented(telling),
    ...(without === '' ? [] : [`  Not listed by ${without}.`]),
    ...(unheard === '' ? [] : [`  Never listed yet: ${unheard}.`]),
  ];
}

function namesOf(words: readonly UpstreamWord[]): string {
  return words.map(({ upstream }) => upstream).join(', ');
}

/** There may be many that have nothing to do with it. */
function hasToSay({ versions, held, fault }: UpstreamWord): boolean {
  return versions > 0 || held !== undefined || fault !== undefined;
}

function describeUpstream(word: UpstreamWord, version: string | undefined): readonly (readonly string[])[] {
  const { claimed, rewritten, withdrawn, held, provenance, fault } = word;
  const lines = [
    describeListing(word, version),
    ...claimed.map((digest) => `${withdrawn ? 'promised' : 'promises'} ${digest}`),
    ...(rewritten ? ['rewritten: upstream promises other bytes by now; the first ones are served'] : []),
    ...(held ? [`held ${held.digest}, ${count(held.size, 'byte')}, since ${held.heldAt}`, `under ${held.key}`] : []),
    ...(provenance ? [describeProvenance(provenance)] : []),
    ...(fault ? [`${fault.message} ${fault.advice}`] : []),
  ];
  return lines.map((line, at) => [at === 0 ? word.upstream : '', line]);
}

function describeProvenance({ result, signer, reason }: NonNullable<UpstreamWord['provenance']>): string {
  const by = signer === undefined ? '' : `, signed by ${signer}`;
  return `provenance ${result}${by}${reason === undefined ? '' : `: ${reason}`}`;
}

function describeListing(word: UpstreamWord, version: string | undefined): string {
  const { everListed, lists, versions, since, withdrawn } = word;
  if (!everListed) return 'was never listed yet';
  const others = version !== undefined && versions > 0 ? `; of the chart ${count(versions, 'version')}` : '';
  if (!lists) return `does not list it${others}`;
  const what = version === undefined ? count(versions, 'version') : 'it';
  return `lists ${what} since ${since}${withdrawn ? ', withdrawn by now' : ''}${others}`;
}

function indented(rows: readonly (readonly string[])[]): readonly string[] {
  return alignColumns(rows).map((line) => `  ${line}`);
}
