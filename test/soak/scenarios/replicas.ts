import { join } from 'node:path';

import { inHome } from '../../support/home.ts';
import { startVersitygw } from '../../support/versitygw.ts';
import type { Scenario } from '../scenario.ts';
import { oneRound, type RoundPlan, type RoundSeen } from './replicas-round.ts';
import { meetInBucket, meetInFolder, type Meeting } from './replicas-store.ts';

/** Two and three replicas on one store, one of them killed. */
export const replicas: Scenario = {
  name: 'replicas',
  promise: 'Replicas on one store lose no version, list none twice, and serve the same bytes 5 s after a commit.',
  run: (rounds) => replicaRounds({ rounds, versions: 500, variants: true, victim: 'any', lagMs: 5_000 }),
};

interface Replicas extends Pick<RoundPlan, 'versions' | 'victim' | 'lagMs'> {
  readonly rounds: number;
  /** One round more on a shared folder, and one with `chartroom sync` beside. */
  readonly variants: boolean;
}

/** As the scenario, as large as one wants it: rounds with three replicas and with two in turn. */
export function replicaRounds({ rounds, variants, ...same }: Replicas): Promise<string> {
  return inHome(async (home, cleanUp) => {
    const gateway = await startVersitygw(join(home, 's3'));
    cleanUp(() => gateway.stop());
    const all: RoundSeen[] = [];
    const play = async (meeting: Meeting, syncBeside: boolean): Promise<void> => {
      const count = all.length % 2 === 0 ? 3 : 2;
      all.push(await oneRound({ ...same, home, meeting, replicas: count, syncBeside }).finally(meeting.close));
    };
    for (let round = 0; round < rounds; round += 1) await play(await meetInBucket(gateway, `round-${round}/`), false);
    if (variants) {
      await play(meetInFolder(join(home, 'folder')), false);
      await play(await meetInBucket(gateway, 'beside/'), true);
    }
    return summarize(all, `${rounds} rounds on a bucket${variants ? ', 1 on a folder, 1 beside chartroom sync' : ''}`);
  });
}

function summarize(all: readonly RoundSeen[], rounds: string): string {
  const sum = (valueOf: (seen: RoundSeen) => number) => all.reduce((total, seen) => total + valueOf(seen), 0);
  const worst = Math.max(...all.map(({ lagMs }) => lagMs)) / 1000;
  return [
    rounds,
    `${sum(({ versions }) => versions)} new versions, 0 lost, 0 doubled`,
    `${all.length} replica${all.length === 1 ? '' : 's'} killed, ${sum(({ killedHolder }) => +killedHolder)} of them holding the lease`,
    `index bytes equal ${worst.toFixed(1)} s after the last commit at worst`,
    `${sum(({ reads }) => reads)} reads, ${sum(({ cold }) => cold)} of them cold, ${sum(({ later }) => later)} told to come again`,
  ].join('; ');
}
