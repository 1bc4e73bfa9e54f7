import type { Scenario } from '../scenario.ts';
import { groups, type Group } from './faults-table.ts';

interface Outcome {
  readonly kinds: number;
  readonly reads: number;
  /** What was broken, in words. */
  readonly broken: readonly string[];
}

/** Every kind of fault of the model, over and over, each group on servers of its own. */
export const faults: Scenario = {
  name: 'faults',
  promise: 'whatever upstreams, stores, networks and machines do: no failed read, no wrong status, no shrunken index',
  run: async (rounds) => {
    const outcomes: Outcome[] = [];
    for (const group of groups) outcomes.push(await runGroup(group, rounds));
    const broken = outcomes.flatMap((outcome) => outcome.broken);
    const [kinds, reads] = [sumOf(outcomes, 'kinds'), sumOf(outcomes, 'reads')];
    const line = `${kinds} kinds, ${reads} reads, ${broken.length} failed`;
    if (broken.length > 0) throw new Error(`${line}:\n${broken.join('\n')}`);
    return line;
  },
};

async function runGroup(group: Group, rounds: number): Promise<Outcome> {
  const why = await group.impossible();
  if (why !== undefined) {
    console.warn(`faults of ${group.name} are left out: ${why}`);
    return { kinds: 0, reads: 0, broken: [] };
  }
  const open = await group.open();
  const broken: string[] = [];
  try {
    for (let round = 0; round < rounds; round += 1) {
      if (round > 0) await open.restock();
      for (const row of group.rows) {
        await open.run(row).catch((error: unknown) => broken.push(`${row.name} (${row.done}): ${String(error)}`));
      }
    }
  } finally {
    await open.close();
  }
  return { kinds: group.rows.length, reads: open.reads(), broken };
}

function sumOf(outcomes: readonly Outcome[], field: 'kinds' | 'reads'): number {
  return outcomes.reduce((sum, outcome) => sum + outcome[field], 0);
}
