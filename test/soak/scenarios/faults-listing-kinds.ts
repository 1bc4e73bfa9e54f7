import { gzipSync } from 'node:zlib';

import type { Script } from '../../support/fault-upstream.ts';
import { Broken } from '../observer.ts';
import type { Kind } from './faults-kind.ts';
import type { Shop } from './faults-shops.ts';
import {
  expectWell,
  upstreamKind,
  well,
  type Expected,
  type ShopName,
  type UpstreamRig,
} from './faults-upstream-rig.ts';

type Rows = Readonly<Record<string, readonly unknown[]>>;

const refused: Expected = { sync: 502, cold: [200], nobodys: [502] };
const promise = 'the last good listing stays; warm and cold 200, else';

/** What becomes of the answer that lists. */
function listing({ name, upstream }: Shop, change: (answer: Script) => Script): void {
  const isListing = name === 'registry' ? /\/tags\/list/ : /^\/index\.yaml/;
  upstream.distort((answer, { target }) => (isListing.test(target) ? change(answer) : answer));
}

function rowsOf({ body = '' }: Script): Rows {
  return (JSON.parse(body.toString()) as { readonly entries: Rows }).entries;
}

function indexOf(entries: Rows): Script {
  return { body: JSON.stringify({ apiVersion: 'v1', entries }) };
}

/** The index is what no index is. */
function noIndex(name: string, done: string, answer: (usual: Script) => Script): Kind<UpstreamRig> {
  return upstreamKind({
    ...{ name, done, at: ['named'] },
    promise: `${promise} 502`,
    befall: (shop) => listing(shop, answer),
    expected: refused,
  });
}

/** The listing is a good one, and shorter. */
function shorter(
  name: string,
  done: string,
  change: (usual: Script) => Script,
  at: ShopName = 'named',
): Kind<UpstreamRig> {
  return {
    ...{ name, done, promise: 'whatever was listed stays listed and is served, after three such listings too' },
    run: async (rig) => {
      const shop = rig.shops[at];
      listing(shop, change);
      try {
        for (let times = 0; times < 4; times += 1) await rig.client.sync(shop.name, 200);
        await rig.client.readEverything();
        // upstream has it still, whatever it lists
        await rig.client.ask(shop.nextCold(), 200);
      } finally {
        await shop.mend();
      }
      await expectWell(rig, shop);
      await rig.client.readEverything();
    },
  };
}

function onlySome(share: number) {
  return (usual: Script): Script => {
    const some = Object.entries(rowsOf(usual)).map(
      ([chart, rows]) => [chart, rows.slice(0, rows.length * share)] as const,
    );
    return indexOf(Object.fromEntries(some.filter(([, rows]) => rows.length > 0)));
  };
}

function withoutOne(usual: Script): Script {
  const { 'named-0': _, ...others } = rowsOf(usual);
  return indexOf(others);
}

const shrunken: readonly Kind<UpstreamRig>[] = [
  shorter('FLT-10 empty', 'an index without entries', () => indexOf({})),
  shorter('FLT-10 half', 'an index with half of the versions of each chart', onlySome(0.5)),
  shorter('FLT-10 one less', 'an index without one chart', withoutOne),
  shorter(
    'FLT-10 no tags',
    'a registry whose lists of tags are empty',
    () => ({ body: '{"name":"x","tags":null}' }),
    'registry',
  ),
  upstreamKind({
    ...{ name: 'FLT-10 guarded', done: 'withdrawn: drop, and an index that lost most of its versions', at: ['secure'] },
    promise: 'the last good listing stays until an operator accepts: 409; warm and cold 200',
    befall: (shop) => listing(shop, onlySome(0.2)),
    expected: { sync: 409, cold: [200], nobodys: [502] },
  }),
  noIndex('FLT-10 truncated', 'the first half of an index, its length right', ({ body = '' }) => ({
    body: body.slice(0, body.length / 2),
  })),
];

const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024, ' '));

/** Ten aliases of ten aliases, and so on. */
const laughs = Array.from({ length: 9 }, (_, at) => {
  const before = at === 0 ? 'lol' : `*a${at - 1}`;
  return `a${at}: &a${at} [${Array.from({ length: 10 }, () => before).join(', ')}]`;
}).join('\n');

const invalid: readonly Kind<UpstreamRig>[] = [
  noIndex('FLT-11 no YAML', 'an index that is no YAML', () => ({ body: 'entries: {nginx: [{\n\tname' })),
  noIndex('FLT-11 a page', 'a web page with 200', () => ({
    headers: { 'content-type': 'text/html' },
    body: '<!doctype html><html><title>Log in</title></html>',
  })),
  noIndex('FLT-11 nothing', 'an empty body', () => ({ body: '' })),
  noIndex('FLT-11 too large', 'an index larger than maxIndexBytes', () => ({
    body: `apiVersion: v1\nentries: {}\n# ${'x'.repeat(300 * 1024)}\n`,
  })),
  noIndex('FLT-11 gzip bomb', 'an index that unpacks to 64 MiB', () => ({
    headers: { 'content-encoding': 'gzip' },
    body: bomb,
  })),
  noIndex('FLT-11 YAML bomb', 'a billion laughs', () => ({ body: `apiVersion: v1\n${laughs}\nentries: *a8\n` })),
  noIndex('FLT-11 UTF-16', 'an index in UTF-16', ({ body = '' }) => ({
    body: Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(body.toString(), 'utf16le')]),
  })),
  noIndex('FLT-11 unknown encoding', 'an encoding that nobody asked for', ({ body = '' }) => ({
    headers: { 'content-encoding': 'br' },
    body,
  })),
  noIndex('FLT-11 not modified', '304 to whoever asked without a condition', () => ({ status: 304, body: '' })),
  upstreamKind({
    ...{ name: 'FLT-11 no registry', done: 'a registry whose every answer is a web page', at: ['registry'] },
    promise: 'warm reads 200; else 502',
    befall: ({ upstream }) =>
      upstream.all({ headers: { 'content-type': 'text/html' }, body: '<!doctype html><p>Hello' }),
    expected: { sync: 502, cold: [502], nobodys: [502] },
  }),
  upstreamKind({
    ...{ name: 'FLT-11 bad rows', done: 'bad rows of every kind among the good ones', at: ['named'] },
    promise: 'they are dropped, and cost no other row anything',
    befall: (shop) => listing(shop, (usual) => indexOf({ ...rowsOf(usual), ...badRows })),
    expected: well,
  }),
];

const badRows: Rows = {
  'bad-null': [null],
  'bad-fields': [{ name: 'bad-fields', version: 1.1, urls: 'x.tgz' }],
  'bad-version': [{ name: 'bad-version', version: 'latest', urls: ['x.tgz'] }],
  'bad-urls': [
    { name: 'bad-urls', version: '1.0.0', urls: [] },
    { name: 'bad-urls', version: '1.0.1' },
  ],
  '../bad': [{ name: '../bad', version: '1.0.0', urls: ['x.tgz'] }],
  'bad-name': [{ name: 'other', version: '1.0.0', urls: ['x.tgz'] }],
};

const flapping: Kind<UpstreamRig> = {
  name: 'FLT-12 flapping',
  done: 'two edges of a CDN, each without what the other has, take turns forty times',
  promise: 'everything of both is listed, and the index does not change any more',
  run: async (rig) => {
    const { named } = rig.shops;
    const [first, second] = [named.nextCold(), named.nextCold()];
    let turn = 0;
    listing(named, (usual) => {
      const missing = (turn += 1) % 2 === 0 ? first : second;
      const rows = Object.entries(rowsOf(usual)).map(([chart, some]) => [
        chart,
        some.filter((row) => !isOf(row, missing)),
      ]);
      return indexOf(Object.fromEntries(rows));
    });
    try {
      const etags = new Set<string | null>();
      for (let times = 0; times < 40; times += 1) {
        await rig.client.sync(named.name, 200);
        etags.add((await fetch(`${rig.client.url}/index.yaml`, { method: 'HEAD' })).headers.get('etag'));
      }
      await rig.client.readEverything();
      if (etags.size !== 1) throw new Broken(`the index changed ${etags.size - 1} times`);
    } finally {
      await named.mend();
    }
    await expectWell(rig, named);
  },
};

function isOf(row: unknown, path: string): boolean {
  const { name, version } = row as { readonly name: string; readonly version: string };
  return path.endsWith(`/${name}-${version}.tgz`);
}

/** Listings that an upstream should not have. */
export const listingKinds: readonly Kind<UpstreamRig>[] = [...shrunken, ...invalid, flapping];
