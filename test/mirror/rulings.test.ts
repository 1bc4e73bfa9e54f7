import { expect, test } from 'vitest';

import type { Offer } from '../../src/mirror/offering/served.ts';
import { Rulings } from '../../src/mirror/reading/rulings.ts';
import { claimed, member, selectionOf } from '../support/selections.ts';

const versions = Array.from({ length: 3_000 }, (_, at) => `1.${at}.0`);
const selection = selectionOf([
  member(
    'a',
    versions.map((version) => claimed('demo', version)),
  ),
]);
const offer: Offer = {
  selection,
  members: [],
  rendering: undefined,
  shelf: undefined as never,
  counts: { charts: 1, versions: versions.length },
  contested: [],
};

test('a version that is asked for again is the same as before, and whoever asks for everything fills no memory', () => {
  const rulings = new Rulings();
  const ask = (version: string) => rulings.of(offer, { repository: 'all', chart: 'demo', version });
  const first = ask('1.0.0');
  expect(ask('1.0.0')).toBe(first);
  expect(first.outcome).toBe('offered');

  for (const version of versions) ask(version);
  expect(ask('1.0.0')).not.toBe(first);
});
