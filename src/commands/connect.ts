import type { FaultCode } from '../chart/fault.ts';
import type { Prober, Trial } from '../mirror/contract/commands.ts';
import { alignColumns, count } from './columns.ts';

interface ConnectOptions {
  readonly prober: Prober;
  readonly print: (text: string) => void;
  readonly signal: AbortSignal;
}

const columns = ['name', 'type', 'authenticated by', 'charts', 'time', 'result'] as const;
const numbers = new Set([columns.indexOf('charts'), columns.indexOf('time')]);

/**
 * Asks every upstream and the store at once, and prints a table of how that went, then what went wrong and what to do.
 * 0 when all of them answered as they should, else 1, also when `signal` ended it.
 */
export async function connect({ prober, print, signal }: ConnectOptions): Promise<0 | 1> {
  const trials = await prober.probe(signal).catch((error: unknown) => {
    if (signal.aborted) return undefined;
    throw error;
  });
  if (!trials) {
    print('Stopping; not all of them answered yet.');
    return 1;
  }
  const failed = trials.flatMap(({ fault }) => fault ?? []);
  const table = alignColumns([columns.map((column) => column.toUpperCase()), ...trials.map(rowOf)], numbers);
  const blocks = [table, failed.map(({ message, advice }) => `${message} ${advice}`), [verdict(trials, failed.length)]];
  const text = blocks.filter((lines) => lines.length > 0).map((lines) => lines.join('\n'));
  print(text.join('\n\n'));
  return failed.length === 0 ? 0 : 1;
}

function verdict({ length: asked }: readonly Trial[], failed: number): string {
  return failed === 0
    ? `All is well: ${count(asked, 'place')} asked.`
    : `${failed} of ${count(asked, 'place')} failed.`;
}

function rowOf({ name, type, authenticatedBy, charts, durationMs, fault }: Trial): readonly string[] {
  const nobodyMet = fault && unmet.has(fault.code);
  const login = nobodyMet ? none : (authenticatedBy ?? none);
  return [
    name,
    type,
    login,
    charts === undefined ? none : String(charts),
    describeTime(durationMs),
    fault?.code ?? 'ok',
  ];
}

const none = '-';
/** Nobody was told who we are. */
const unmet: ReadonlySet<FaultCode> = new Set(['upstream-unreachable', 'tls-untrusted']);

function describeTime(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
