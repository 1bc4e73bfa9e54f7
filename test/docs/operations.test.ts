import { describe, expect, it } from 'vitest';

import { expectedHeadings, expectSections, final, sections } from '../support/operations-page.ts';

const others = sections.filter(({ heading }) => !final.includes(heading));

describe('docs/operations.md', () => {
  it(`shows what is printed: ${others.map(({ heading }) => heading).join(', ')}`, () => expectSections(others), 90_000);

  it('answers what happens to those who run it', () => {
    expect(sections.length).toBeGreaterThan(8);
    expect(sections.map(({ heading }) => heading)).toEqual(expect.arrayContaining(expectedHeadings));
  });
});
