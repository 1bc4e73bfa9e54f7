import { describe, expect, test } from 'vitest';

import { connect } from '../../src/commands/connect.ts';
import type { Trial } from '../../src/mirror/contract/commands.ts';

const signal = new AbortController().signal;

const good: readonly Trial[] = [
  {
    name: 'podinfo',
    type: 'chart-repository',
    authenticatedBy: 'user name and password (Basic)',
    charts: 140,
    durationMs: 1_250,
  },
  { name: 'ghcr', type: 'registry', authenticatedBy: 'anonymous', durationMs: 87.4 },
  { name: 'store', type: 'filesystem', durationMs: 3 },
];

async function printed(
  trials: readonly Trial[],
): Promise<{ readonly code: number; readonly lines: readonly string[] }> {
  const texts: string[] = [];
  const code = await connect({ prober: { probe: async () => trials }, print: (text) => texts.push(text), signal });
  return { code, lines: texts.join('\n').split('\n') };
}

describe('connect', () => {
  test('prints a row for every place, numbers below each other, and succeeds when all answered', async () => {
    expect(await printed(good)).toEqual({
      code: 0,
      lines: [
        'NAME     TYPE              AUTHENTICATED BY                CHARTS   TIME  RESULT',
        'podinfo  chart-repository  user name and password (Basic)     140  1.3 s  ok',
        'ghcr     registry          anonymous                            -  87 ms  ok',
        'store    filesystem        -                                    -   3 ms  ok',
        '',
        'All is well: 3 places asked.',
      ],
    });
  });

  test('names the code in the row of what failed, and says below what happened and what to do', async () => {
    const fault = {
      code: 'unauthorized',
      message: 'nexus: the server refused these credentials for GET /index.yaml (401).',
      advice: 'Check auth; a token may have expired.',
    } as const;
    const refused = { name: 'nexus', type: 'chart-repository', authenticatedBy: 'token', durationMs: 20, fault };

    expect(await printed([refused, ...good])).toEqual({
      code: 1,
      lines: [
        expect.stringMatching(/^NAME/),
        'nexus    chart-repository  token                                -  20 ms  unauthorized',
        ...Array.from({ length: 3 }, () => expect.stringMatching(/ok$/) as string),
        '',
        'nexus: the server refused these credentials for GET /index.yaml (401). Check auth; a token may have expired.',
        '',
        '1 of 4 places failed.',
      ],
    });
  });

  test.each(['upstream-unreachable', 'tls-untrusted'] as const)(
    'names no credential where nobody was told one: %s',
    async (code) => {
      const fault = { code, message: 'nexus: no.', advice: 'Look.' };
      const { lines } = await printed([
        { name: 'nexus', type: 'registry', authenticatedBy: 'token', durationMs: 1, fault },
      ]);

      expect(lines[1]).toMatch(new RegExp(`^nexus +registry +- +- +1 ms +${code}$`));
    },
  );

  test('fails without a table when it is asked to end', async () => {
    const stopping = new AbortController();
    const texts: string[] = [];
    const probe = async () => {
      stopping.abort('SIGINT');
      return Promise.reject(stopping.signal.reason as Error);
    };

    expect(await connect({ prober: { probe }, print: (text) => texts.push(text), signal: stopping.signal })).toBe(1);
    expect(texts).toEqual(['Stopping; not all of them answered yet.']);
  });

  test('hides no defect', async () => {
    const probe = () => Promise.reject(new Error('a defect'));

    await expect(connect({ prober: { probe }, print: () => undefined, signal })).rejects.toThrow('a defect');
  });
});
