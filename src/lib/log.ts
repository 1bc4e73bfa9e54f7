import { pino, type DestinationStream, type Logger } from 'pino';

/** Structured log lines. Fields come first, the sentence second, as in pino. */
export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error' | 'level' | 'isLevelEnabled'>;

export interface LogOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** `pretty` is for terminals: time, level, sentence and fields on one line. */
  readonly format: 'json' | 'pretty';
}

/** Opens the log. `flush` before the process ends: lines are written in batches. */
export function openLog(
  options: LogOptions,
  destination?: DestinationStream & { flushSync?(): void },
): Log & { flush(): void } {
  const target = destination ?? pino.destination({ dest: 1, sync: false, minLength: 4096, periodicFlush: 250 });
  const stream = options.format === 'pretty' ? prettyStream(target) : target;
  const logger = pino({ level: options.level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, stream);
  return Object.assign(logger, { flush: () => flushQuietly(target) });
}

/** `process.exit` before the destination is open must not throw. */
function flushQuietly(target: DestinationStream & { flushSync?(): void }): void {
  try {
    target.flushSync?.();
  } catch {
    // not open yet: nothing was written
  }
}

const levels: Readonly<Record<number, string>> = { 20: 'debug', 30: 'info', 40: 'WARN', 50: 'ERROR' };

/** What a terminal may take for commands. */
const controlCharacters = /[\u0000-\u001f\u007f-\u009f]/g;

function prettyStream(target: DestinationStream & { flushSync?(): void }): DestinationStream {
  return {
    write: (line: string) => {
      const { level, time, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
      const rest = Object.entries(fields).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
      const words = [String(time).slice(11, 19), (levels[Number(level)] ?? '').padEnd(5), String(msg), ...rest];
      target.write(`${words.join(' ').replaceAll(controlCharacters, '?')}\n`);
      target.flushSync?.();
    },
  };
}
