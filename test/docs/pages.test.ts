import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { anchorsOf, proseOf, readPages, root } from '../support/documents.ts';

const pages = await readPages();

describe('a page', () => {
  it.each(pages)('leads nowhere but to what is there: $path', ({ path, ...page }) => {
    const targets = [...proseOf({ path, ...page }).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
    const inside = targets.filter((target) => !/^https?:/.test(target));
    expect(inside.filter((target) => !leadsSomewhere(path, target))).toEqual([]);
  });

  it.each(pages)('names no folder of whoever wrote it: $path', ({ text }) => {
    expect(text.match(/(?<![\w.:/-])\/(?:home|mnt|root|tmp|Users|work)\/\S*/g) ?? []).toEqual([]);
  });

  it.each(pages)('has no heading twice, so that each can be led to: $path', (page) => {
    const headings = proseOf(page).match(/^#+ .*$/gm) ?? [];
    expect(headings.length).toBeGreaterThan(0);
    if (page.path !== 'CHANGELOG.md') expect(anchorsOf(page).size).toBe(headings.length);
  });
});

function leadsSomewhere(from: string, target: string): boolean {
  const [file = '', anchor] = target.split('#');
  const path = file === '' ? from : join(dirname(from), file);
  if (anchor === undefined) return existsSync(join(root, path));
  const page = pages.find((one) => one.path === path);
  return page !== undefined && anchorsOf(page).has(anchor);
}
