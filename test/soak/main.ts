import { parseArgs } from 'node:util';

import type { Scenario } from './scenario.ts';
import { cold } from './scenarios/cold.ts';
import { faults } from './scenarios/faults.ts';
import { idle } from './scenarios/idle.ts';
import { kills } from './scenarios/kills.ts';
import { replicas } from './scenarios/replicas.ts';
import { visible } from './scenarios/visible.ts';

const scenarios: readonly Scenario[] = [kills, faults, replicas, cold, visible, idle];

const usualRounds = 10;

const usage = `npm run soak -- [--rounds N] [--only NAME,...]
  --rounds  how long each goes on, ${usualRounds} when not said
  --only    ${scenarios.map(({ name }) => name).join(', ')}`;

/** Answers whether every promise was kept. Each line is for docs/reliability.md. */
async function runAll(wanted: readonly Scenario[], rounds: number): Promise<boolean> {
  let kept = true;
  for (const scenario of wanted) {
    const { name, promise } = scenario;
    const startedMs = performance.now();
    process.stderr.write(`${name}: ${promise}\n`);
    try {
      console.log(`${name}: ${await scenario.run(rounds)}`);
    } catch (error) {
      kept = false;
      console.log(`${name}: BROKEN\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    }
    process.stderr.write(`${name} took ${Math.round((performance.now() - startedMs) / 1000)} s\n`);
  }
  return kept;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: String(usualRounds) },
      only: { type: 'string', multiple: true, default: [] },
      help: { type: 'boolean', default: false },
    },
  });
  const rounds = Number(values.rounds);
  const only = values.only.flatMap((names) => names.split(','));
  const unknown = only.filter((name) => !scenarios.some((scenario) => scenario.name === name));
  const mistakes = [
    ...unknown.map((name) => `there is no scenario ${name}`),
    ...(Number.isSafeInteger(rounds) && rounds > 0 ? [] : [`${values.rounds} is no number of rounds`]),
  ];
  if (values.help || mistakes.length > 0) {
    console.log([...mistakes, usage].join('\n'));
    return mistakes.length > 0 ? 2 : 0;
  }
  const wanted = scenarios.filter(({ name }) => only.length === 0 || only.includes(name));
  return (await runAll(wanted, rounds)) ? 0 : 1;
}

process.exitCode = await main();
