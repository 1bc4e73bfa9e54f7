import { blocksOf, readPage } from './documents.ts';
import { openOperationsWorld, type OperationsWorld } from './operations-world.ts';
import { examplesIn, expectShown } from './page-examples.ts';

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
