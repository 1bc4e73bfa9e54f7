import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';

import { Interrupted } from '../support/home.ts';
import { formatTable, isReached, tableRow, type Figure, type Scenario } from './figures.ts';
import { archive } from './scenarios/archive.ts';
import { big } from './scenarios/big.ts';
import { changed } from './scenarios/changed.ts';
import { cold } from './scenarios/cold.ts';
import { images } from './scenarios/images.ts';
import { index, notModified } from './scenarios/index-file.ts';
import { repositories } from './scenarios/repositories.ts';
import { search } from './scenarios/search.ts';
import { startFromDisk, startFromS3 } from './scenarios/start.ts';
import { unchanged } from './scenarios/unchanged.ts';

const scenarios: readonly Scenario[] = [
  archive,
  images,
  index,
  notModified,
  changed,
  unchanged,
  big,
  repositories,
  search,
  startFromDisk,
  startFromS3,
  cold,
];

const resultsFile = join(import.meta.dirname, '../../coverage/bench.json');

const usage = `npm run bench -- [--quick] [--strict] [--only NAME]...
  --quick   fewer and shorter rounds, smaller stores: does it work, not how fast is it
  --strict  exit status 1 when a goal is missed
  --only    ${scenarios.map(({ name }) => name).join(', ')}`;

interface Result {
  readonly scenario: string;
  readonly seconds: number;
  readonly figures: readonly Figure[];
  readonly skipped?: string;
  readonly failed?: string;
}

async function runOne({ name, run }: Scenario, quick: boolean): Promise<Result> {
  const startedMs = performance.now();
  process.stderr.write(`${name} ... `);
  const end = (result: Partial<Result>): Result => {
    const seconds = Math.round((performance.now() - startedMs) / 100) / 10;
    process.stderr.write(`${seconds} s\n`);
    return { scenario: name, seconds, figures: [], ...result };
  };
  try {
    const outcome = await run({ quick });
    return end('skipped' in outcome ? outcome : { figures: outcome });
  } catch (error) {
    if (error instanceof Interrupted) process.exit(130);
    return end({ failed: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}

function report(results: readonly Result[]): string {
  const rows = results.flatMap(({ scenario, figures }) => figures.map((figure) => tableRow(scenario, figure)));
  const notes = results.flatMap(({ scenario, skipped, failed }) => [
    ...(skipped === undefined ? [] : [`${scenario}: skipped, ${skipped}`]),
    ...(failed === undefined ? [] : [`${scenario}: FAILED\n${failed}`]),
  ]);
  return [formatTable(rows), ...notes].join('\n');
}

async function writeResults(results: readonly Result[], quick: boolean): Promise<void> {
  await mkdir(join(resultsFile, '..'), { recursive: true });
  const [cpu] = cpus();
  const machine = { node: process.version, cpu: cpu?.model, cpus: cpus().length };
  await writeFile(resultsFile, `${JSON.stringify({ machine, quick, results }, undefined, 2)}\n`);
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      strict: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      help: { type: 'boolean', default: false },
    },
  });
  const { quick, strict, only, help } = values;
  const unknown = only.filter((name) => !scenarios.some((scenario) => scenario.name === name));
  if (help || unknown.length > 0) {
    console.log([...unknown.map((name) => `there is no scenario ${name}`), usage].join('\n'));
    return help ? 0 : 2;
  }
  const results: Result[] = [];
  for (const scenario of scenarios) {
    if (only.length === 0 || only.includes(scenario.name)) results.push(await runOne(scenario, quick));
  }
  console.log(report(results));
  await writeResults(results, quick);
  console.log(`written to ${relative('.', resultsFile)}`);
  if (results.some(({ failed }) => failed !== undefined)) return 1;
  const missed = results.some(({ figures }) => figures.some((figure) => isReached(figure) === false));
  return strict && missed ? 1 : 0;
}

process.exitCode = await main();
