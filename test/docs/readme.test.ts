import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { loadConfig } from '../../src/config/load.ts';
import { describeProblem } from '../../src/config/problem.ts';
import { readPage } from '../support/documents.ts';
import { temporaryFolder } from '../support/temp.ts';

const page = await readPage('README.md');

describe('README.md', () => {
  it('shows files that are valid: the first one, and that with what is added to it', async () => {
    const folder = await temporaryFolder();
    const [file = '', added = ''] = Array.from(page.text.matchAll(/^```yaml\n(.*?)^```$/gms), ([, block]) => block);
    await writeFile(join(folder, 'secret'), 'secret');
    const authority = file.replace(/^defaults:\n.*\n/m, '').replace('/run/secrets/harbor', join(folder, 'secret'));
    for (const text of [authority, authority + added]) {
      const path = join(folder, 'chartroom.yaml');
      await writeFile(path, text);
      const outcome = await loadConfig(path, { NEXUS_PASSWORD: 'secret' });
      expect('problems' in outcome ? outcome.problems.map(describeProblem) : []).toEqual([]);
      expect('config' in outcome && outcome.config.upstreams.length).toBe(5);
    }
    expect(added).toMatch(/^repositories:/);
  });
});
