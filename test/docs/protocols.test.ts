import { describe, it } from 'vitest';

import { blocksOf, readPage } from '../support/documents.ts';
import { examplesIn, expectShown } from '../support/page-examples.ts';
import { openProtocolsWorld } from '../support/protocols-world.ts';
import { needsTools } from '../support/tools.ts';

const page = await readPage('docs/protocols.md');
const [[, configuration] = ['', '']] = blocksOf(page, 'yaml');
const blocks = blocksOf(page, 'console');

describe.skipIf(needsTools('helm4', 'registry', 'crane', 'gpg', 'tar'))('docs/protocols.md', () => {
  it('shows what is printed', async () => {
    const world = await openProtocolsWorld(configuration);
    for (const example of blocks.flatMap(([, block]) => examplesIn(block))) await expectShown(world, example);
  }, 90_000);
});
