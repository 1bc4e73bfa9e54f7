/** One measured figure beside what it must reach. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** Absent for a figure that is only shown. */
  readonly goal?: Goal;
  /** What it was made of, for the JSON. */
  readonly detail?: unknown;
}

/** A floor, a ceiling, or the only right value. */
export interface Goal {
  readonly must: 'at least' | 'at most' | 'more than' | 'less than' | 'exactly';
  readonly value: number;
}

/** What a scenario found, or why it could not look. */
export type Outcome = readonly Figure[] | { readonly skipped: string };

export interface Scenario {
  /** For `--only`. */
  readonly name: string;
  readonly run: (options: BenchOptions) => Promise<Outcome>;
}

export interface BenchOptions {
  /** Fewer rounds and smaller stores: says whether it works, not how fast it is. */
  readonly quick: boolean;
}

/** Whether a figure is as good as it must be; undefined when it need not be anything. */
export function isReached({ value, goal }: Figure): boolean | undefined {
  switch (goal?.must) {
    case 'at least':
      return value >= goal.value;
    case 'at most':
      return value <= goal.value;
    case 'more than':
      return value > goal.value;
    case 'less than':
      return value < goal.value;
    case 'exactly':
      return value === goal.value;
    case undefined:
      return undefined;
  }
}

function amount(value: number, unit: string): string {
  const digits = Math.abs(value) >= 100 ? 0 : 2;
  return `${value.toLocaleString('en', { maximumFractionDigits: digits })} ${unit}`.trim();
}

/** The columns of the table. */
export const columns = ['scenario', 'figure', 'measured', 'goal', 'reached'] as const;

/** A figure as a line of the table. */
export function tableRow(scenario: string, figure: Figure): readonly string[] {
  const { name, value, unit, goal } = figure;
  const reached = isReached(figure);
  const verdict = reached === undefined ? '' : reached ? 'yes' : 'NO';
  return [scenario, name, amount(value, unit), goal ? `${goal.must} ${amount(goal.value, unit)}` : '', verdict];
}

/** Lines as a Markdown table, for people too. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = columns.map((column, at) => Math.max(column.length, ...rows.map((row) => row[at]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, at) => (cells[at] ?? '').padEnd(width)).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [line(columns), rule, ...rows.map(line)].join('\n');
}

/** The middle one. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
