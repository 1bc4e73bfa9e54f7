import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';

import { freshHelm, type Helm } from '../support/helm.ts';
import type { Journey } from './helm-journey.ts';
import { withSharedData } from './world.ts';

/** What people do with charts in a registry, done by a real Helm, under the repository's name and at the root. */
export function describeOciJourney(major: 3 | 4, journey: () => Journey): void {
  describe(`Helm ${major} with oci://`, () => {
    let helm: Helm;
    const registry = () => `oci://${new URL(journey().url).host}`;
    const trust = () => (journey().caFile ? ['--ca-file', String(journey().caFile)] : ['--plain-http']);
    const pull = (reference: string, ...more: readonly string[]) =>
      helm.run('pull', `${registry()}/${reference}`, ...trust(), ...more);
    /** Pulls what must be there. Answers with the digest of the manifest. */
    const pulled = async (reference: string, ...more: readonly string[]) => {
      const { code, stdout, stderr } = await pull(reference, ...more);
      expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
      return /^Digest: (sha256:[0-9a-f]{64})$/m.exec(stdout + stderr)?.[1];
    };
    const expectFile = async (file: string, chart: string, version: string) => {
      const archive = journey()
        .world.charts.find((one) => one.name === chart)
        ?.archives.get(version);
      expect((await readFile(join(helm.folder, file))).equals(await readFile(String(archive)))).toBe(true);
    };
    const expectPulled = (chart: string, version: string, folder = '') =>
      expectFile(join(folder, `${chart}-${version}.tgz`), chart, version);

    beforeAll(async () => {
      helm = await freshHelm(major);
    });
    afterAll(() => helm.remove());

    test.each([
      ['all/harbour', '', '1.1.0'],
      ['harbour', '~1.0.0', '1.0.0'],
      ['all/harbour', '>=1.0.0-0', '1.2.0-rc.1'],
      ['lighthouse', '1.0.0+build.5', '1.0.0+build.5'],
      ['all/dinghy', '2.0.0', '2.0.0'],
    ])('pulls %s with the version "%s" as its upstream has %s', async (reference, asked, version) => {
      await pulled(reference, ...(asked ? ['--version', asked] : []));
      await expectPulled(reference.replace('all/', ''), version);
    });

    test.runIf(withSharedData).each([
      ['podinfo', '6.0.0'],
      ['argo', '0.1.0'],
    ])('pulls the real %s %s as its upstream has it', async (chart, version) => {
      await pulled(`all/${chart}`, '--version', version);
      await expectPulled(chart, version);
    });

    test('pulls by digest, and by tag and digest only when they agree', async () => {
      const digest = await pulled('all/lighthouse', '--version', '0.1.0');
      await pulled(`all/lighthouse@${digest}`);
      await expectFile(`lighthouse@${digest?.replace(':', '-')}.tgz`, 'lighthouse', '0.1.0');
      await pulled(`lighthouse:0.1.0@${digest}`);

      const mixed = await pull(`lighthouse:0.2.0@${digest}`);
      expect(mixed.code).not.toBe(0);
      expect(mixed.stderr).toContain('digest mismatch');
    });

    test.each(['harbour', 'all/lighthouse', 'dinghy'])(
      'pulls %s with its signature and finds it good',
      async (chart) => {
        const folder = join(helm.folder, chart.replace('/', '-'));
        await mkdir(folder);
        const verify = ['--verify', '--keyring', journey().world.key.publicKeyring];
        const output = await pull(chart, ...verify, '--destination', folder);

        expect(output).toMatchObject({ code: 0 });
        expect(output.stdout).toContain('Signed by: Chartroom test');
      },
    );

    test('says why a version cannot be had: nobody has it, or who may have it does not answer', async () => {
      const missing = await pull('all/harbour', '--version', '9.9.9');

      expect(missing.code).not.toBe(0);
      expect(missing.stderr).toMatch(/not found|no answer from|have not all said yet/);
    });

    test('shows all of a chart', async () => {
      const shown = await helm.ok('show', 'all', `${registry()}/all/lighthouse`, '--version', '0.2.0', ...trust());

      expect(shown).toContain('version: 0.2.0');
      expect(shown).toContain('berths: 1');
      expect(shown).toContain('# lighthouse');
    });

    test('renders a chart', async () => {
      const rendered = await helm.ok('template', 'moored', `${registry()}/dinghy`, '--set', 'berths=7', ...trust());

      expect(rendered).toContain('berths: "7"');
    });

    test('updates the dependencies of a chart, and builds them again from its lock', async () => {
      const fleet = join(helm.folder, 'fleet');
      await mkdir(fleet);
      const dependencies = [
        { name: 'harbour', version: '^1.0.0', repository: registry() },
        { name: 'lighthouse', version: '1.0.0+build.5', repository: `${registry()}/all` },
        { name: 'dinghy', version: '~2.0.0', repository: `${registry()}/all` },
      ];
      await writeFile(
        join(fleet, 'Chart.yaml'),
        stringify({ apiVersion: 'v2', name: 'fleet', version: '1.0.0', dependencies }),
      );
      for (const command of ['update', 'build']) {
        await helm.ok('dependency', command, fleet, ...trust());
        await expectPulled('harbour', '1.1.0', 'fleet/charts');
        await expectPulled('lighthouse', '1.0.0+build.5', 'fleet/charts');
        await expectPulled('dinghy', '2.0.0', 'fleet/charts');
        await rm(join(fleet, 'charts'), { recursive: true });
      }
    });
  });
}
