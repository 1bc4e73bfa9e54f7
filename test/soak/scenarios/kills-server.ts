import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { startChartroom, type Chartroom } from '../../support/chartroom.ts';
import { Broken } from '../observer.ts';
import type { KillSwitch } from './kills-switch.ts';

/** A server that is to die of its order, or at any time without one. */
export interface Victim {
  readonly server: Chartroom;
  /** From its start to its first 200 at `/readyz`; undefined when it died before. */
  readonly readyMs: number | undefined;
  isGone(): boolean;
  /** Resolves when it is gone. */
  gone(): Promise<void>;
  /** Whether it died of its order. */
  hit(): boolean;
  /** As an operator. Undefined when the server died meanwhile. */
  post(path: string): Promise<{ readonly status: number; readonly text: string } | undefined>;
}

export const adminToken = 'a-token-for-the-soak';

const program = fileURLToPath(import.meta.resolve('../server.ts'));
const killSwitch = import.meta.resolve('./kills-switch.ts');
/** A sweep every moment; the grace is what a fill may take from its blob to its record, with much to spare. */
const retention = { firstMs: 200, everyMs: 400, graceMs: 2_000 };
const patienceMs = 30_000;

/** Starts a server, with its switch when it has an order, and resolves when it is ready or dead. */
export async function startVictim(configFile: string, kill: KillSwitch | undefined): Promise<Victim> {
  const startedMs = performance.now();
  const server = await startChartroom(configFile, {
    program: [...(kill ? ['--import', killSwitch] : []), program],
    env: {
      CHARTROOM_TEST_RETENTION: JSON.stringify(retention),
      ...(kill && { CHARTROOM_TEST_KILL: JSON.stringify(kill) }),
    },
  });
  const ended = once(server.process, 'exit');
  const isReady = await untilReadyOrGone(server);
  return {
    server,
    readyMs: isReady ? performance.now() - startedMs : undefined,
    isGone: () => isGone(server),
    gone: async () => {
      if (!isGone(server)) await ended;
    },
    hit: () => kill !== undefined && existsSync(kill.mark),
    post: (path) => post(server.url + path),
  };
}

function isGone({ process: { exitCode, signalCode } }: Chartroom): boolean {
  return exitCode !== null || signalCode !== null;
}

async function untilReadyOrGone(server: Chartroom): Promise<boolean> {
  const deadlineMs = performance.now() + patienceMs;
  while (!isGone(server)) {
    const status = await fetch(`${server.url}/readyz`).then(
      (answer) => answer.status,
      () => undefined,
    );
    if (status === 200) return true;
    if (performance.now() > deadlineMs) {
      await server.kill9();
      throw new Broken(`a server was not ready after ${patienceMs / 1000} s`);
    }
    await sleep(5);
  }
  return false;
}

async function post(address: string): Promise<{ readonly status: number; readonly text: string } | undefined> {
  try {
    const answer = await fetch(address, { method: 'POST', headers: { authorization: `Bearer ${adminToken}` } });
    return { status: answer.status, text: await answer.text() };
  } catch {
    return undefined;
  }
}
