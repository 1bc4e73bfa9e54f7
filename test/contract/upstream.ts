import { describe, expect, it } from 'vitest';

import { Catalog, claimTable, type ChartVersion, type Claim, type SourceRef } from '../../src/chart/catalog.ts';
import { digestOf } from '../../src/chart/digest.ts';
import { Fault } from '../../src/chart/fault.ts';
import { readAll } from '../../src/lib/bytes.ts';
import type { Listing, Part, Upstream } from '../../src/upstream/contract.ts';
import { chartArchive } from '../support/charts.ts';

/** A chart version as an upstream of a fixture offers it. */
export interface OfferedChart {
  readonly name: string;
  readonly version: string;
  readonly archive: Buffer;
  readonly provenance?: Buffer;
}

/** An upstream under test with what stands behind it. Ends with the test that opened it. */
export interface OpenedUpstream {
  readonly upstream: Upstream;
  /** From now on exactly these charts are offered. */
  offer(charts: readonly OfferedChart[]): Promise<void>;
  /** From now on nothing behind it answers, or only with failures. */
  fail(): Promise<void>;
  /** From now on a part of what a listing is made of fails while another still answers. Left out where it has no parts. */
  failPartly?(): Promise<void>;
  /** From now on every answer is waited for without end. Left out where nothing is waited for. Resolves `arrived` per question. */
  hang?(): Promise<{ readonly arrived: Promise<void> }>;
}

/** Makes an upstream named `fixture` that offers these charts. */
export type UpstreamFixture = (charts: readonly OfferedChart[]) => Promise<OpenedUpstream>;

const never = new AbortController().signal;
const provenance = Buffer.from('-----BEGIN PGP SIGNED MESSAGE-----\nnot a real one\n');

async function offered(name: string, version: string, prov?: Buffer): Promise<OfferedChart> {
  return { name, version, archive: await chartArchive({ name, version }), ...(prov && { provenance: prov }) };
}

async function threeCharts(): Promise<readonly OfferedChart[]> {
  return [
    await offered('nginx', '1.0.0', provenance),
    await offered('nginx', '1.10.0'),
    await offered('nginx', '1.2.0-rc.1'),
    await offered('loki', '0.3.0+build.7'),
  ];
}

async function listed(upstream: Upstream): Promise<Listing> {
  const listing = await upstream.list(undefined, never);
  if (listing === 'unchanged') throw new Error('unchanged without a validator');
  return listing;
}

function rowsOf(listing: Listing): ChartVersion[] {
  return [...new Catalog(listing.claims).all()];
}

function namesOf(listing: Listing): string[] {
  return rowsOf(listing).map(({ chart, version }) => `${chart} ${version}`);
}

async function bytesOf(upstream: Upstream, source: SourceRef, part: Part): Promise<Buffer | undefined> {
  const incoming = await upstream.open(source, part, never);
  return incoming && (await readAll(incoming.body, 1e7));
}

/** What a claim says once everything is asked: registries say most of it only when a claim is described. */
async function described(upstream: Upstream, claim: Claim): Promise<Claim> {
  if (claim.metadata !== undefined) return claim;
  return (await upstream.describe(claim.source, never))?.claim ?? claim;
}

async function faultOf(work: Promise<unknown>): Promise<Fault> {
  const outcome: unknown = await work.then(
    (value) => value,
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(Fault);
  return outcome as Fault;
}

interface Promised {
  readonly title: string;
  readonly check: (fixture: UpstreamFixture) => Promise<void>;
}

/** What every upstream promises, as checks that throw when it is broken. */
export const upstreamPromises: readonly Promised[] = [
  {
    title: 'lists every version it has, by name and newest first',
    check: async (fixture) => {
      const { upstream } = await fixture(await threeCharts());
      const listing = await listed(upstream);
      expect(namesOf(listing)).toEqual(['loki 0.3.0+build.7', 'nginx 1.10.0', 'nginx 1.2.0-rc.1', 'nginx 1.0.0']);
    },
  },
  {
    title: 'says unchanged to its own validator for as long as nothing changed, and lists again when something did',
    check: async (fixture) => {
      const charts = await threeCharts();
      const opened = await fixture(charts);
      const { validator } = await listed(opened.upstream);
      expect(await opened.upstream.list(JSON.parse(JSON.stringify(validator)), never)).toBe('unchanged');
      await opened.offer([...charts, await offered('nginx', '2.0.0')]);
      const changed = await opened.upstream.list(validator, never);
      if (changed === 'unchanged') throw new Error('a new version went unnoticed');
      expect(namesOf(changed)).toContain('nginx 2.0.0');
      expect(await opened.upstream.list(changed.validator, never)).toBe('unchanged');
    },
  },
  {
    title: 'opens the very archive of each claim, and what it says of digest and metadata is true of those bytes',
    check: async (fixture) => {
      const charts = await threeCharts();
      const { upstream } = await fixture(charts);
      const rows = rowsOf(await listed(upstream));
      expect(rows).toHaveLength(charts.length);
      for (const { chart, version, claims } of rows) {
        const archive = charts.find((one) => one.name === chart && one.version === version)?.archive;
        for (const claim of claims) {
          expect(claim.source).not.toMatch(/[\t\n]/);
          expect(await bytesOf(upstream, claim.source, 'archive')).toEqual(archive);
          const full = await described(upstream, claim);
          expect([undefined, archive && digestOf(archive)]).toContain(full.digest);
          expect(await bytesOf(upstream, full.source, 'archive')).toEqual(archive);
          if (full.metadata !== undefined) expect(JSON.parse(full.metadata)).toMatchObject({ name: chart, version });
        }
      }
    },
  },
  {
    title: 'opens the provenance of a version that has one, and says no for one that has not',
    check: async (fixture) => {
      const { upstream } = await fixture(await threeCharts());
      const rows = rowsOf(await listed(upstream));
      const sourceOf = (version: string): SourceRef =>
        rows.find((row) => row.version === version)?.claims[0]?.source ?? '';
      expect(await bytesOf(upstream, sourceOf('1.0.0'), 'provenance')).toEqual(provenance);
      expect(await bytesOf(upstream, sourceOf('1.10.0'), 'provenance')).toBeUndefined();
    },
  },
  {
    title: 'finds a version by its exact name, and says no for any other',
    check: async (fixture) => {
      const charts = await threeCharts();
      const { upstream } = await fixture(charts);
      const found = await upstream.find('loki', '0.3.0+build.7', never);
      expect(found).toMatchObject({ chart: 'loki', version: '0.3.0+build.7' });
      expect(found && (await bytesOf(upstream, found.source, 'archive'))).toEqual(charts[3]?.archive);
      for (const [chart, version] of [
        ['nginx', '9.9.9'],
        ['nginx', '1.0.0+build.7'],
        ['absent', '1.0.0'],
        ['../nginx', '1.0.0'],
        ['__proto__', '1.0.0'],
        ['nginx', 'not a version'],
        ['nginx', ''],
      ] as const) {
        expect(await upstream.find(chart, version, never)).toBeUndefined();
      }
    },
  },
  {
    title: 'finds and opens what was offered since it was listed, and says no for what was taken away',
    check: async (fixture) => {
      const charts = await threeCharts();
      const opened = await fixture(charts);
      const { upstream } = opened;
      const gone = rowsOf(await listed(upstream)).find(({ version }) => version === '1.10.0')?.claims[0]?.source ?? '';
      await opened.offer([await offered('nginx', '3.0.0')]);
      const found = await upstream.find('nginx', '3.0.0', never);
      expect(found).toMatchObject({ chart: 'nginx', version: '3.0.0' });
      expect(await upstream.find('nginx', '1.10.0', never)).toBeUndefined();
      expect(await upstream.open(gone, 'archive', never)).toBeUndefined();
      expect(await upstream.open(gone, 'provenance', never)).toBeUndefined();
    },
  },
  {
    title: 'answers with a fault that names it when it fails: never with part of a listing, never with a no',
    check: async (fixture) => {
      const opened = await fixture(await threeCharts());
      const listing = await listed(opened.upstream);
      const source = rowsOf(listing)[0]?.claims[0]?.source ?? '';
      await opened.fail();
      const { upstream } = opened;
      for (const work of [
        () => upstream.list(undefined, never),
        () => upstream.list(listing.validator, never),
        () => upstream.find('nginx', '1.0.0', never),
        () => upstream.find('nginx', '9.9.9', never),
        () => bytesOf(upstream, source, 'archive'),
      ]) {
        expect((await faultOf(work())).message).toMatch(/^fixture: /);
      }
    },
  },
  {
    title: 'lists nothing when it could list only a part',
    check: async (fixture) => {
      const opened = await fixture(await threeCharts());
      if (!opened.failPartly) return;
      await opened.failPartly();
      expect((await faultOf(opened.upstream.list(undefined, never))).message).toMatch(/^fixture: /);
    },
  },
  {
    title: "ends with the signal's reason when it is told to, before it began and while it waits",
    check: async (fixture) => {
      const opened = await fixture(await threeCharts());
      const { upstream } = opened;
      const source = rowsOf(await listed(upstream))[0]?.claims[0]?.source ?? '';
      const reason = new Error('enough');
      const aborted = AbortSignal.abort(reason);
      await expect(upstream.list(undefined, aborted)).rejects.toBe(reason);
      await expect(upstream.open(source, 'archive', aborted)).rejects.toBe(reason);
      if (!opened.hang) return;
      for (const start of [
        (signal: AbortSignal) => upstream.list(undefined, signal),
        (signal: AbortSignal) => upstream.find('nginx', '1.0.0', signal),
        (signal: AbortSignal) => upstream.open(source, 'archive', signal).then((one) => one && readAll(one.body, 1e7)),
      ]) {
        const { arrived } = await opened.hang();
        const controller = new AbortController();
        const work = start(controller.signal);
        await Promise.race([arrived, work.catch(() => undefined)]);
        controller.abort(reason);
        await expect(work).rejects.toBe(reason);
      }
    },
  },
];

/** Runs every promise of the contract on one implementation. Call it at the top of a test file. */
export function describeUpstream(name: string, fixture: UpstreamFixture): void {
  describe(`${name}, as an upstream,`, () => {
    it.each(upstreamPromises)('$title', ({ check }) => check(fixture));
  });
}

/**
 * An upstream with every fault the contract forbids: it lists what it managed to read, takes failure for absence,
 * remembers what it was once asked, and hands out one chart for another. For a test that each promise rejects it.
 */
export const brokenUpstream: UpstreamFixture = async (charts) => {
  let present = charts;
  let failing = false;
  const real = listedCharts(charts);
  const broken: Upstream = {
    list: async () => ({
      ...real,
      validator: {},
      claims: failing ? real.claims : listedCharts(present.slice(1)).claims,
    }),
    find: async (chart, version) => ({ chart, version, source: `${chart} ${version}` }),
    describe: async () => undefined,
    open: async (_, part) => {
      const [first] = present;
      const body = part === 'archive' ? first?.archive : provenance;
      return {
        size: undefined,
        body: (async function* () {
          yield body ?? Buffer.alloc(0);
        })(),
      };
    },
  };
  return {
    upstream: broken,
    offer: async (next) => {
      present = next;
    },
    fail: async () => {
      failing = true;
    },
    failPartly: async () => {
      failing = true;
    },
  };
};

function listedCharts(charts: readonly OfferedChart[]): Listing {
  const claims = charts.map(({ name: chart, version }) => ({ chart, version, source: `${chart} ${version}` }));
  return { claims: claimTable(claims), validator: {}, rejected: {}, examples: [] };
}
