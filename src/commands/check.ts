import { alignColumns, count } from './columns.ts';

/** What `check` says of a valid configuration, in words and without secrets. */
export interface CheckedConfig {
  readonly file: string;
  readonly settings: readonly (readonly [label: string, value: string])[];
  readonly upstreams: readonly CheckedUpstream[];
  readonly repositories: readonly CheckedRepository[];
  /** One line each. */
  readonly warnings: readonly string[];
}

/** One row of the table of upstreams. */
export interface CheckedUpstream {
  readonly name: string;
  readonly type: string;
  readonly url: string;
  readonly interval: string;
  readonly mirror: string;
  readonly charts: string;
  readonly auth: string;
  readonly verify: string;
}

/** One row of the table of repositories. */
export interface CheckedRepository {
  readonly name: string;
  readonly answersAt: string;
  readonly upstreams: string;
  readonly rules: string;
}

/** What loading a configuration came to: problems, one line each, or what it configures. */
export type CheckOutcome = { readonly problems: readonly string[] } | CheckedConfig;

/** What to print, with a newline at its end, and what to exit with: 2 for a bad configuration, 0 for a good one. */
export interface CheckReport {
  readonly text: string;
  readonly exitCode: 0 | 2;
}

/** Says whether a configuration is valid: every problem on a line of its own, or a summary of what is configured. */
export function check(outcome: CheckOutcome): CheckReport {
  if ('problems' in outcome) return { text: reportProblems(outcome.problems), exitCode: 2 };
  const { file, settings, upstreams, repositories, warnings } = outcome;
  const counted = [
    count(upstreams.length, 'upstream'),
    count(repositories.length, 'repository'),
    count(warnings.length, 'warning'),
  ];
  const blocks = [
    [`${file} is valid: ${counted.join(', ')}.`],
    alignColumns(settings),
    alignColumns(tableOf(upstreams)),
    alignColumns([
      ['REPOSITORY', 'ANSWERS AT', 'UPSTREAMS', 'RULES'],
      ...repositories.map((one) => [one.name, one.answersAt, one.upstreams, one.rules]),
    ]),
    warnings.map((warning) => `warning: ${warning}`),
  ];
  const text = blocks.filter((lines) => lines.length > 0).map((lines) => lines.join('\n'));
  return { text: `${text.join('\n\n')}\n`, exitCode: 0 };
}

function reportProblems(problems: readonly string[]): string {
  return [...problems, '', `${count(problems.length, 'problem')}.`, ''].join('\n');
}

const columns = ['name', 'type', 'url', 'interval', 'mirror', 'auth', 'verify', 'charts'] as const;

/** Nobody who verifies nothing needs a column that says so. */
function tableOf(upstreams: readonly CheckedUpstream[]): readonly (readonly string[])[] {
  const verifies = upstreams.some(({ verify }) => verify !== 'none');
  const shown = columns.filter((column) => verifies || column !== 'verify');
  return [
    shown.map((column) => column.toUpperCase()),
    ...upstreams.map((upstream) => shown.map((column) => upstream[column])),
  ];
}
