import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';

import { freshHelm, type Helm } from '../support/helm.ts';
import { sharedData } from '../support/shared-data.ts';
import { describeOciJourney } from './oci-journey.ts';
import { withSharedData, type World } from './world.ts';

/** What a journey travels in. Read when its tests run: nothing of it exists before. */
export interface Journey {
  readonly world: World;
  readonly url: string;
  /** Of the authority to trust, over HTTPS. */
  readonly caFile?: string | undefined;
}

/** What people do with charts at both doors, done by a real Helm. One that chokes on anything we serve fails here. */
export function describeHelmJourney(major: 3 | 4, journey: () => Journey): void {
  describe(`Helm ${major}`, () => {
    let helm: Helm;
    const archive = (chart: string, version: string) => {
      const path = journey()
        .world.charts.find((one) => one.name === chart)
        ?.archives.get(version);
      if (!path) throw new Error(`no ${chart} ${version} in this world`);
      return path;
    };
    const expectPulled = async (chart: string, version: string, folder = helm.folder) => {
      const pulled = await readFile(join(folder, `${chart}-${version}.tgz`));
      expect(pulled.equals(await readFile(archive(chart, version)))).toBe(true);
    };

    beforeAll(async () => {
      helm = await freshHelm(major);
      const { url, caFile } = journey();
      await helm.ok('repo', 'add', 'charts', url, ...(caFile ? ['--ca-file', caFile] : []));
    });
    afterAll(() => helm.remove());

    test('updates the repository it added', async () => {
      expect(await helm.ok('repo', 'update')).toContain(
        'Successfully got an update from the "charts" chart repository',
      );
    });

    test('finds every version of every chart, whatever its upstream speaks', async () => {
      const found = JSON.parse(await helm.ok('search', 'repo', 'charts/', '--versions', '--devel', '-o', 'json')) as {
        readonly name: string;
        readonly version: string;
      }[];
      const { charts } = journey().world;

      expect(new Set(found.map((row) => row.name))).toEqual(new Set(charts.map((chart) => `charts/${chart.name}`)));
      for (const { name, versions } of charts) {
        const listed = found.filter((row) => row.name === `charts/${name}`).map((row) => row.version);
        expect(listed.toSorted()).toEqual([...versions].toSorted());
      }
    });

    test('pulls the newest version that is no prerelease', async () => {
      await helm.ok('pull', 'charts/harbour');
      await expectPulled('harbour', '1.1.0');
    });

    test.each([
      ['harbour', '1.2.0-rc.1'],
      ['lighthouse', '0.1.0'],
      ['lighthouse', '1.0.0+build.5'],
      ['dinghy', '2.0.0'],
    ])('pulls %s %s as its upstream has it', async (chart, version) => {
      await helm.ok('pull', `charts/${chart}`, '--version', version);
      await expectPulled(chart, version);
    });

    test.runIf(withSharedData).each([
      ['podinfo', '6.0.0'],
      ['argo', '0.1.0'],
    ])('pulls the real %s %s as its upstream has it', async (chart, version) => {
      await helm.ok('pull', `charts/${chart}`, '--version', version);
      await expectPulled(chart, version);
    });

    test.each(['harbour', 'lighthouse', 'dinghy'])('pulls %s with its signature and finds it good', async (chart) => {
      const folder = join(helm.folder, `signed-${chart}`);
      await mkdir(folder);
      const verify = ['--verify', '--keyring', journey().world.key.publicKeyring];
      const output = await helm.run('pull', `charts/${chart}`, ...verify, '--destination', folder);

      expect(output).toMatchObject({ code: 0 });
      expect(output.stdout).toContain('Signed by: Chartroom test');
    });

    test.runIf(withSharedData)('pulls a real provenance file unaltered', async () => {
      await helm.ok('pull', 'charts/promtail', '--version', '0.25.1', '--prov');
      const pulled = await readFile(join(helm.folder, 'promtail-0.25.1.tgz.prov'));

      await expectPulled('promtail', '0.25.1');
      expect(pulled.equals(await readFile(join(sharedData('grafana'), 'packages/promtail-0.25.1.tgz.prov')))).toBe(
        true,
      );
    });

    test('shows all of a chart', async () => {
      const shown = await helm.ok('show', 'all', 'charts/lighthouse', '--version', '0.2.0');

      expect(shown).toContain('version: 0.2.0');
      expect(shown).toContain('berths: 1');
      expect(shown).toContain('# lighthouse');
    });

    test('renders a chart', async () => {
      expect(await helm.ok('template', 'moored', 'charts/dinghy', '--set', 'berths=7')).toContain('berths: "7"');
    });

    test.runIf(withSharedData)('renders a real chart', async () => {
      const rendered = await helm.ok('template', 'real', 'charts/podinfo', '--kube-version', '1.34.0');

      expect(rendered).toContain('kind: Deployment');
    });

    test('updates the dependencies of a chart, and builds them again from its lock', async () => {
      const fleet = join(helm.folder, 'fleet');
      await mkdir(fleet);
      const dependencies = [
        { name: 'harbour', version: '^1.0.0', repository: journey().url },
        { name: 'lighthouse', version: '1.0.0+build.5', repository: journey().url },
        { name: 'dinghy', version: '~2.0.0', repository: '@charts' },
      ];
      await writeFile(
        join(fleet, 'Chart.yaml'),
        stringify({ apiVersion: 'v2', name: 'fleet', version: '1.0.0', dependencies }),
      );
      for (const command of ['update', 'build']) {
        await helm.ok('dependency', command, fleet);
        const charts = join(fleet, 'charts');
        await expectPulled('harbour', '1.1.0', charts);
        await expectPulled('lighthouse', '1.0.0+build.5', charts);
        await expectPulled('dinghy', '2.0.0', charts);
        await rm(charts, { recursive: true });
      }
    });
  });
  describeOciJourney(major, journey);
}
