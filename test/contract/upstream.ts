import { describe, expect, it } from 'vitest';

import type { SourceRef, Validator } from '../../src/chart/claim.ts';
import { digestOf } from '../../src/chart/digest.ts';
import { readAll } from '../../src/lib/bytes.ts';
import type { Upstream } from '../../src/upstream/contract.ts';
import { chartArchive } from '../support/charts.ts';
import {
  bytesOf,
  described,
  faultOf,
  listed,
  namesOf,
  never,
  offered,
  provenance,
  rowsOf,
  threeCharts,
  type Promised,
  type UpstreamFixture,
} from './upstream-fixture.ts';

/** The validator to ask with the next time, after an upstream said that nothing changed since this one. */
async function stillValid(upstream: Upstream, validator: Validator): Promise<Validator> {
  const answer = await upstream.list(JSON.parse(JSON.stringify(validator)) as Validator, never);
  if (!('unchanged' in answer)) throw new Error('listed again though nothing changed');
  return answer.validator;
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
      const first = (await listed(opened.upstream)).validator;
      const second = await stillValid(opened.upstream, first);
      const third = await stillValid(opened.upstream, second);
      await opened.offer([...charts, await offered('nginx', '2.0.0')]);
      const changed = await opened.upstream.list(third, never);
      if ('unchanged' in changed) throw new Error('a new version went unnoticed');
      expect(namesOf(changed)).toContain('nginx 2.0.0');
      await stillValid(opened.upstream, changed.validator);
    },
  },
  {
    title: 'says unchanged with a newer validator when it says the same in other words',
    check: async (fixture) => {
      const opened = await fixture(await threeCharts());
      const { validator } = await listed(opened.upstream);
      if (!opened.reword) return;
      await opened.reword();
      const newer = await stillValid(opened.upstream, validator);
      expect(newer).not.toEqual(validator);
      expect(await stillValid(opened.upstream, newer)).toEqual(newer);
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
    title: 'pins a version that it found as its description does, and says so when it became another',
    check: async (fixture) => {
      const opened = await fixture(await threeCharts());
      const { upstream } = opened;
      const found = await upstream.find('loki', '0.3.0+build.7', never);
      if (found?.pinned === undefined) return;
      const full = await described(upstream, found);
      expect(full.source.split(' ')[0]).toBe(found.pinned);
      const archive = await bytesOf(upstream, found.source, 'archive');
      expect(await bytesOf(upstream, found.pinned, 'archive')).toEqual(archive);
      const { name, version } = { name: 'loki', version: '0.3.0+build.7' };
      await opened.offer([{ name, version, archive: await chartArchive({ name, version, description: 'another' }) }]);
      const again = await upstream.find(name, version, never);
      expect(again?.pinned).toBeDefined();
      expect(again?.pinned).not.toBe(found.pinned);
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
    title: 'tells what is left of its rate limit as its answers do, and nothing where they do not',
    check: async (fixture) => {
      const opened = await fixture(await threeCharts());
      const { upstream } = opened;
      await listed(upstream);
      expect(upstream.allowance()).toBeUndefined();
      if (!opened.ration) return;
      const allowance = { remaining: 76, limit: 100, windowMs: 21_600_000 };
      await opened.ration(allowance);
      await upstream.find('nginx', '1.0.0', never);
      expect(upstream.allowance()).toEqual(allowance);
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
