import { describe, expect, test } from 'vitest';

import { tableOf, TableReader } from '../../src/lib/shared-table.ts';
import { ChartSearch } from '../../src/mirror/reading/search.ts';
import { ManualClock } from '../support/clock.ts';

function shelfOf(charts: Readonly<Record<string, string>>): TableReader {
  const names = Object.keys(charts).toSorted();
  return new TableReader(
    tableOf(
      names.map((name) => {
        const summary = { name, version: '1.0.0', description: charts[name], keywords: [], deprecated: false };
        return `${name}\t${JSON.stringify(summary)}\n`;
      }),
    ),
  );
}

function open(options: { readonly maxCharts?: number } = {}) {
  const clock = new ManualClock();
  const search = new ChartSearch(clock, options);
  const find = (shelf: TableReader, text: string, repository = 'all') =>
    search.find(repository, shelf, text).map((line) => shelf.column(line, 0));
  return { clock, search, find };
}

describe('a search in a repository', () => {
  test('waits for the first index, and for no other', async () => {
    const { search, find } = open();
    const first = shelfOf({ redis: 'a store', nginx: 'a server' });
    await search.prepare('all', first);

    expect(find(first, 'store')).toEqual(['redis']);
    expect(search.prepare('all', first)).toBeUndefined();
    expect(search.prepare('all', shelfOf({ minio: 'a store' }))).toBeUndefined();
  });

  test('is answered by what was there before until the index is a new one', async () => {
    const { search, find } = open();
    const first = shelfOf({ redis: 'a store', nginx: 'a server' });
    await search.prepare('all', first);
    const second = shelfOf({ redis: 'a database', nginx: 'a server', minio: 'a store' });
    expect(search.prepare('all', second)).toBeUndefined();

    expect(find(second, 'store')).toEqual(['redis']);
    await settled();
    expect(find(second, 'store')).toEqual(['minio']);
    expect(find(second, 'database')).toEqual(['redis']);
  });

  test('never finds what is not on the shelf any more', async () => {
    const { search, find } = open();
    await search.prepare('all', shelfOf({ redis: 'a store', minio: 'a store' }));
    const second = shelfOf({ minio: 'a store' });
    expect(search.prepare('all', second)).toBeUndefined();

    expect(find(second, 'store')).toEqual(['minio']);
  });

  test('forgets what is not on the shelf any more', async () => {
    const { search, find } = open();
    await search.prepare('all', shelfOf({ nginx: '', nginz: '' }));
    const second = shelfOf({ nginx: '' });
    expect(search.prepare('all', second)).toBeUndefined();
    await settled();

    // else nobody would be taken to have mistyped
    expect(find(second, 'nginz')).toEqual(['nginx']);
  });

  test('follows to the last of several shelves', async () => {
    const { search, find } = open();
    await search.prepare('all', shelfOf({ a: 'one' }));
    const last = shelfOf({ a: 'four' });
    for (const shelf of [shelfOf({ a: 'two' }), shelfOf({ b: 'three' }), last]) {
      expect(search.prepare('all', shelf)).toBeUndefined();
    }
    await settled();

    expect(find(last, 'four')).toEqual(['a']);
    expect(find(last, 'two')).toEqual([]);
  });

  test('knows repositories apart', async () => {
    const { search, find } = open();
    const [one, two] = [shelfOf({ redis: 'a store' }), shelfOf({ minio: 'a store' })];
    await Promise.all([search.prepare('one', one), search.prepare('two', two)]);

    expect(find(one, 'store', 'one')).toEqual(['redis']);
    expect(find(two, 'store', 'two')).toEqual(['minio']);
  });

  test('forgets the index that was not searched for longest where all are too much', async () => {
    const { search, find } = open({ maxCharts: 6 });
    const two = shelfOf({ redis: '', minio: '' });
    await search.prepare('one', two);
    await search.prepare('two', two);
    expect(search.prepare('one', two)).toBeUndefined();
    const large = shelfOf({ a: '', b: '', c: '', d: '', e: '', f: '', redis: '' });
    await search.prepare('large', large);

    expect(search.prepare('large', large)).toBeUndefined();
    expect(find(large, 'redis', 'large')).toEqual(['redis']);
    expect(search.prepare('one', two)).toBeInstanceOf(Promise);
  });

  test('lets others have their turn while it is prepared', async () => {
    let nowMs = 0;
    const clock = new ManualClock();
    // every look at the clock is a millisecond of work
    clock.elapsed = () => (nowMs += 1);
    const search = new ChartSearch(clock);
    const names = Array.from({ length: 100 }, (_, at) => [`chart-${at}`, 'a chart'] as const);
    let turns = 0;
    let done = false;
    const counting = (async () => {
      for (; !done; turns += 1) await new Promise((resolve) => setImmediate(resolve));
    })();
    await search.prepare('all', shelfOf(Object.fromEntries(names)));
    done = true;
    await counting;

    expect(turns).toBeGreaterThan(15);
  });
});

async function settled(): Promise<void> {
  for (let at = 0; at < 20; at += 1) await new Promise((resolve) => setImmediate(resolve));
}
