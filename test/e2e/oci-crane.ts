import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { freshCrane, type Crane } from '../support/crane.ts';
import { layerOf, type ChartImage } from '../support/oci-client.ts';
import { archiveOf, chartOf, kinds, versions } from './oci-kinds.ts';

const chartLayer = 'application/vnd.cncf.helm.chart.content.v1.tar+gzip';

/** What a real crane does with a registry, on a server whose `all` has the charts of every kind of upstream. */
export function describeCrane(serverUrl: () => string): void {
  describe('crane', () => {
    let crane: Crane;
    const host = () => new URL(serverUrl()).host;

    beforeAll(async () => {
      crane = await freshCrane();
    });
    afterAll(() => crane.remove());

    test('lists the charts of every kind, under their repository and at the root', async () => {
      const names = Object.values(chartOf).toSorted();

      expect((await crane.ok('catalog', host())).split('\n')).toEqual(
        [...names.map((name) => `all/${name}`), ...names].toSorted(),
      );
    });

    test('says that it cannot push', async () => {
      const name = `${host()}/all/${chartOf.folder}`;

      expect((await crane.run('tag', `${name}:1.0.0`, 'mine')).stderr).toContain('UNSUPPORTED');
      expect((await crane.run('delete', `${name}:1.0.0`)).stderr).toContain('UNSUPPORTED');
    });

    describe.each(kinds)('with the chart of a %s', (kind) => {
      const chart = chartOf[kind];
      const name = () => `${host()}/all/${chart}`;
      const layers = async (tag: string) => JSON.parse(await crane.ok('manifest', `${name()}:${tag}`)) as ChartImage;

      test('lists its tags', async () => {
        const tags = versions.map((version) => version.replace('+', '_')).toSorted();

        expect((await crane.ok('ls', name())).split('\n')).toEqual(tags);
      });

      test('tells one digest, whichever way it asks', async () => {
        const digest = await crane.ok('digest', `${name()}:1.1.0`);

        expect(digestOf(Buffer.from(await crane.ok('manifest', `${name()}:1.1.0`)))).toBe(digest);
        expect(await crane.ok('digest', `${host()}/${chart}:1.1.0`)).toBe(digest);
        expect(await crane.ok('digest', `${name()}@${digest}`)).toBe(digest);
      });

      test('finds it well formed', async () => {
        expect(await crane.ok('validate', '--remote', `${name()}:2.0.0_build.7`)).toContain('PASS');
      });

      test('pulls it whole, as a layout and as one blob', async () => {
        const archive = await archiveOf(kind, '1.0.0');
        const { digest } = layerOf(await layers('1.0.0'), chartLayer);
        await crane.ok('pull', '--format', 'oci', `${name()}:1.0.0`, kind);

        expect(digest).toBe(digestOf(archive));
        const file = join(crane.folder, kind, 'blobs/sha256', digest.slice('sha256:'.length));
        expect((await readFile(file)).equals(archive)).toBe(true);
        const config = JSON.parse(
          await crane.ok('blob', `${name()}@${(await layers('1.0.0')).config.digest}`),
        ) as object;
        expect(config).toMatchObject({ name: chart, version: '1.0.0' });
      });
    });
  });
}
