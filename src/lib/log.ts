import { pino, type DestinationStream, type Logger } from 'pino';

import { systemClock } from './clock.ts';

/** Structured log lines. Fields come first, the sentence second, as in pino. */
export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error' | 'level' | 'isLevelEnabled'>;

export interface LogOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** `pretty` is for terminals: time, level, sentence and fields on one line. */
  readonly format: 'json' | 'pretty';
}

/** Where lines go. `flush` calls back when those before are written, or cannot be. */
export interface LogDestination extends DestinationStream {
  flush?(written: (error?: unknown) => void): void;
}

/** The log of a program. */
export interface ProgramLog extends Log {
  /** Resolves when every line is written, or after a second: `process.exit` loses what is not. Never rejects. */
  flush(): Promise<void>;
}

/** Characters that wait to be written; more are dropped. */
const maxLength = 4 * 1024 * 1024;
const maxFlushMs = 1_000;

/** Opens the log. `flush` before the process ends: lines are written in batches. */
export function openLog(options: LogOptions, destination?: LogDestination): ProgramLog {
  const isPretty = options.format === 'pretty';
  const target = destination ?? openStandardOutput(isPretty);
  const logger = pino(
    { level: options.level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    isPretty ? prettyStream(target) : target,
  );
  return Object.assign(logger, { flush: () => flushed(target) });
}

/** A log that cannot be written is no reason to end: lines wait, up to a number, until it can be. */
function openStandardOutput(isPretty: boolean): LogDestination {
  const batches = { sync: false, minLength: 4096, periodicFlush: 250, maxLength };
  const output = pino.destination({ dest: 1, ...(isPretty ? { sync: true } : batches) });
  output.on('error', () => undefined);
  return output;
}

/** Not `flushSync`: on an output that cannot be written it would try for ever. */
async function flushed(target: LogDestination): Promise<void> {
  const timer = new AbortController();
  const written = new Promise<void>((resolve) => {
    if (target.flush) target.flush(() => resolve());
    else resolve();
  });
  await Promise.race([written, systemClock.sleep(maxFlushMs, timer.signal).catch(() => undefined)]);
  timer.abort();
}

const levels: Readonly<Record<number, string>> = { 20: 'debug', 30: 'info', 40: 'WARN', 50: 'ERROR' };

/** What a terminal may take for commands. */
const controlCharacters = /[\u0000-\u001f\u007f-\u009f]/g;

function prettyStream(target: DestinationStream): DestinationStream {
  return {
    write: (line: string) => {
      const { level, time, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
      const rest = Object.entries(fields).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
      const words = [String(time).slice(11, 19), (levels[Number(level)] ?? '').padEnd(5), String(msg), ...rest];
      target.write(`${words.join(' ').replaceAll(controlCharacters, '?')}\n`);
    },
  };
}
