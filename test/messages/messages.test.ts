import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, test, vi } from 'vitest';

import type { FaultCode } from '../../src/chart/fault.ts';
import { archives, rewrittenVersion } from './archives.ts';
import { doors } from './doors.ts';
import { demoRepository, nexus } from './fixtures.ts';
import { listings } from './listings.ts';
import type { Example } from './program.ts';
import { provenance } from './provenance.ts';
import { reaching } from './reaching.ts';

/** Reserved: nothing raises it, for the reason given. */
type Reserved = string;

/** A code without a way to come by it does not compile. */
const messages: Readonly<Record<FaultCode, readonly Example[] | Reserved>> = {
  ...reaching,
  ...listings,
  ...archives,
  ...doors,
  ...provenance,
  rewritten: 'the first bytes held go on being served, and the new ones wait in the status for an operator',
};

describe.each(Object.entries(messages).filter(([, examples]) => typeof examples !== 'string'))(
  '%s',
  (code, examples) => {
    test.each(examples as readonly Example[])('is told when $when', async ({ happens, status, says }) => {
      const told = await happens();

      expect(told.as).toBe(status ?? code);
      expect(told.text).toMatch(typeof says === 'string' ? exactly(says) : says);
    });
  },
);

describe('a reserved code', () => {
  const reserved = Object.entries(messages).filter(([, examples]) => typeof examples === 'string');

  test.each(reserved)('%s is raised nowhere, since %s', async (code) => {
    const sources = await Array.fromAsync(glob('**/*.ts', { cwd: source }), async (file) => ({
      file,
      text: await readFile(join(source, file), 'utf8'),
    }));
    const raising = sources.filter(({ text }) => new RegExp(`Fault\\(\\s*'${code}'`).test(text));

    expect(sources.length).toBeGreaterThan(100);
    expect(raising.map(({ file }) => file)).toEqual([]);
  });
});

const source = join(import.meta.dirname, '../../src');

function exactly(text: string): RegExp {
  return new RegExp(`^${RegExp.escape(text)}$`);
}

describe('with the message', () => {
  test('of an upstream that failed comes the time of the next attempt, in the status', async () => {
    const program = await nexus('http://127.0.0.1:1', { interval: '2m' });
    program.chartroom.engine.start();
    await vi.waitUntil(async () => (await program.upstream('nexus')).nextAttempt !== undefined);
    const { fault, nextAttempt = '', lastAttempt = '' } = await program.upstream('nexus');

    expect(fault?.code).toBe('upstream-unreachable');
    expect(Date.parse(nextAttempt)).toBeGreaterThan(Date.parse(lastAttempt));
  });

  test('of a server that asks for fewer requests comes for how long', async () => {
    const repository = await demoRepository({ status: 429, headers: { 'retry-after': '40' } });
    const program = await nexus(repository.origin);
    await program.fill('nexus');

    expect(await program.get('/charts/demo/demo-1.0.0.tgz')).toMatchObject({ as: 503, retryAfter: '40' });
  });
});

test('a rewritten version is no fault but a standing entry of the status, and its first bytes are served', async () => {
  const { program, held, claimed } = await rewrittenVersion();
  const { state, fault, counts, rewrittenVersions } = await program.upstream('nexus');

  expect({ state, fault }).toEqual({ state: 'ok', fault: undefined });
  expect(counts.rewritten).toBe(1);
  expect(rewrittenVersions).toEqual([{ chart: 'demo', version: '1.0.0', held, claimed }]);
  expect(await program.get('/charts/demo/demo-1.0.0.tgz')).toMatchObject({ as: 200 });
});
