import { describe, expect, it } from 'vitest';

import { openLog, type LogOptions } from '../../src/lib/log.ts';

function logged(options: LogOptions, write: (log: ReturnType<typeof openLog>) => void): string[] {
  const lines: string[] = [];
  write(openLog(options, { write: (line: string) => void lines.push(line) }));
  return lines;
}

describe('a line of the log', () => {
  it('is one JSON object with level, time, sentence and fields, and nothing of the machine', () => {
    const [line = ''] = logged({ level: 'info', format: 'json' }, (log) =>
      log.info({ upstream: 'nexus', count: 3 }, 'synced'),
    );
    const { time, ...rest } = JSON.parse(line) as Record<string, unknown>;
    expect(rest).toEqual({ level: 30, upstream: 'nexus', count: 3, msg: 'synced' });
    expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  it.each(['json', 'pretty'] as const)(
    'stays one line without control characters as %s, whatever is in it',
    (format) => {
      const nasty = 'a\r\nb\u0000c\u001b[31md"e';
      const [line = '', ...more] = logged({ level: 'info', format }, (log) => log.warn({ chart: nasty }, nasty));
      expect(more).toEqual([]);
      expect(line.indexOf('\n')).toBe(line.length - 1);
      expect(line.slice(0, -1)).not.toMatch(/[\u0000-\u001f]/);
    },
  );

  it('has level, sentence and fields on a terminal', () => {
    const lines = logged({ level: 'debug', format: 'pretty' }, (log) => {
      log.debug({ n: 1 }, 'one');
      log.error({ code: 'too-large' }, 'two');
    });
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d debug one n=1\n$/);
    expect(lines[1]).toMatch(/^\d\d:\d\d:\d\d ERROR two code="too-large"\n$/);
  });

  it('is left out below the level', () => {
    const lines = logged({ level: 'warn', format: 'json' }, (log) => {
      log.info('no');
      log.warn('yes');
      expect([log.isLevelEnabled('info'), log.isLevelEnabled('error')]).toEqual([false, true]);
    });
    expect(lines).toHaveLength(1);
  });
});

describe('flushing', () => {
  const write = (): void => undefined;

  it('is over when the destination has written, or cannot', async () => {
    for (const outcome of [undefined, new Error('no space left')]) {
      let flushed = 0;
      const flush = (written: (error?: unknown) => void): void => {
        flushed += 1;
        written(outcome);
      };
      await openLog({ level: 'info', format: 'json' }, { write, flush }).flush();
      expect(flushed).toBe(1);
    }
  });

  it('has nothing to wait for where nothing is batched', async () => {
    await openLog({ level: 'info', format: 'json' }, { write }).flush();
  });
});
