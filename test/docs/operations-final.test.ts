import { describe, it } from 'vitest';

import { expectSections, final, sections } from '../support/operations-page.ts';

const last = sections.filter(({ heading }) => final.includes(heading));

describe('docs/operations.md', () => {
  it.each(last)('shows what is printed: $heading', (section) => expectSections([section]), 90_000);
});
