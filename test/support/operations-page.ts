import { expect } from 'vitest';

import { blocksOf, readPage } from './documents.ts';
import { openOperationsWorld, type OperationsWorld } from './operations-world.ts';

const page = await readPage('docs/operations.md');
const [[, configuration] = ['', '']] = blocksOf(page, 'yaml');

/** A section of docs/operations.md that shows what is printed. */
export interface Section {
  readonly heading: string;
  readonly text: string;
}

/** All of them, in order. */
export const sections = page.text
  .split(/^## /m)
  .slice(1)
  .map((text): Section => ({ heading: text.slice(0, text.indexOf('\n')), text }))
  .filter(({ text }) => text.includes('```console'));

/** What has happened when somebody looks a question up. */
const happened: Readonly<Record<string, (world: OperationsWorld) => Promise<void>>> = {
  'An upstream fails': (world) => world.goOffline(),
  'Credentials change': async (world) => world.wantPassword('second'),
  'A chart has other bytes': (world) => world.rewrite(),
  'An upstream is removed': (world) => world.drop('public'),
};

/** Headings of those after which an upstream, or what is held, is not as it was: others need a world of their own. */
export const final = [
  'A chart has other bytes',
  'An upstream fails',
  'An upstream is shut down for good',
  'An upstream is removed',
];

/** Headings that the tests know. */
export const expectedHeadings = [...Object.keys(happened), ...final];

/** Follows sections one after the other, on one server that begins each with the first configuration of the page. */
export async function expectSections(followed: readonly Section[]): Promise<void> {
  const world = await openOperationsWorld(configuration);
  for (const { heading, text } of followed) {
    await world.restore();
    await happened[heading]?.(world);
    for (const [, language, block = ''] of text.matchAll(/^```(console|yaml)\n(.*?)^```$/gms)) {
      if (language === 'yaml') await world.edit(block);
      else for (const example of examplesIn(block)) await expectShown(world, example);
    }
  }
}

interface Example {
  readonly command: string;
  readonly printed: string;
}

function examplesIn(block: string): readonly Example[] {
  return [...block.matchAll(/^\$ (.*)\n((?:(?!\$ ).*\n)*)/gm)].map(([, command = '', printed = '']) => ({
    command,
    printed,
  }));
}

async function expectShown(world: OperationsWorld, { command, printed }: Example): Promise<void> {
  expect.soft([command, timeless(await world.run(command))]).toEqual([command, timeless(printed)]);
}

/** What was printed without what is another each time: times, digests, sizes of compressed bytes, and what was left behind. */
function timeless(text: string): string {
  return text
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replaceAll(/sha256\/[0-9a-f]{2}\//g, 'sha256/xx/')
    .replaceAll(/\b[0-9a-f]{64}\b/g, 'DIGEST')
    .replaceAll(/\d[\d.]*(?= (?:bytes|KiB|MiB|s|ms)\b)/g, 'SOME')
    .replaceAll(/; nothing names .*? to sweep|^Nothing names .*\n/gm, '')
    .replaceAll(/\d+ (object|record)s?/g, 'SOME $1')
    .replaceAll(/ {2,}/g, '  ')
    .replaceAll(/"(bytes|durationMs|size)": ?\d+/g, '"$1": 0');
}
