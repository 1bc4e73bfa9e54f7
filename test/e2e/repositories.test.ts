import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';

import { startChartroom, type Chartroom } from '../support/chartroom.ts';
import { chartArchive } from '../support/charts.ts';
import { freshHelm, type Helm } from '../support/helm.ts';
import { needsTools } from '../support/tools.ts';
import { clientOf, eventually } from './client.ts';

/** What each upstream has: `outside` also something under a name that is ours. */
const charts = {
  inside: { 'corp-app': ['1.0.0'], lighthouse: ['0.1.0'] },
  outside: { 'corp-app': ['9.9.9'], harbour: ['1.0.0', '1.1.0', '1.2.0-rc.1'], dinghy: ['1.0.0', '2.0.0'] },
} as const;

const repositories = [
  {
    name: 'stable',
    root: true,
    upstreams: ['inside', 'outside'],
    owners: { 'corp-*': 'inside' },
    deny: ['harbour@<1.1.0'],
    prereleases: false,
  },
  { name: 'edge', upstreams: ['outside'] },
  { name: 'newest', upstreams: ['outside'], listNewest: 1 },
];

type Upstream = keyof typeof charts;

async function packAll(home: string): Promise<void> {
  for (const [upstream, named] of Object.entries(charts)) {
    await mkdir(join(home, upstream));
    for (const [name, versions] of Object.entries(named) as [string, readonly string[]][]) {
      for (const version of versions) {
        const archive = await chartArchive({ name, version, description: `A ${name} from ${upstream}` });
        await writeFile(join(home, upstream, `${name}-${version}.tgz`), archive);
      }
    }
  }
}

describe.skipIf(needsTools('helm3', 'helm4'))('several repositories on one server', () => {
  let home: string;
  let server: Chartroom;

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'chartroom-repositories-'));
    await packAll(home);
    const config = join(home, 'chartroom.yaml');
    // listed once, so that nobody is asked for what is not listed
    const upstreams = Object.keys(charts).map((name) => ({ name, url: `./${name}`, interval: 0 }));
    await writeFile(config, stringify({ server: { listen: '127.0.0.1:0' }, upstreams, repositories }));
    server = await startChartroom(config);
    const client = await clientOf(server);
    for (const { name, upstreams: members } of repositories) {
      const wanted = members.includes('inside') ? 4 : 3;
      await eventually(
        async () => {
          if ((await client.status(`/${name}/index.yaml`)) !== 200) return [];
          const index = JSON.parse((await client.get(`/${name}/index.yaml`)).toString()) as { entries: object };
          return Object.keys(index.entries);
        },
        (listed) => listed.length === wanted,
      );
    }
    await client.close();
  });
  afterAll(async () => {
    await server.stop();
    await rm(home, { recursive: true, force: true });
  });

  describe.each([3, 4] as const)('by Helm %i', (major) => {
    let helm: Helm;

    beforeAll(async () => {
      helm = await freshHelm(major);
      for (const { name } of repositories) await helm.ok('repo', 'add', name, `${server.url}/${name}`);
      await helm.ok('repo', 'add', 'root', server.url);
    });
    afterAll(() => helm.remove());

    const search = async (repository: string, ...more: readonly string[]) => {
      const found = JSON.parse(await helm.ok('search', 'repo', `${repository}/`, ...more, '-o', 'json')) as {
        readonly name: string;
        readonly version: string;
      }[];
      return found.map(({ name, version }) => `${name} ${version}`).toSorted();
    };
    const expectPulled = async (file: string, upstream: Upstream, folder = helm.folder) => {
      const pulled = await readFile(join(folder, file));
      expect(pulled.equals(await readFile(join(home, upstream, file)))).toBe(true);
    };
    const urlOf = (repository: string, chart: string, version: string) =>
      `${server.url}/${repository}/charts/${chart}/${chart}-${version}.tgz`;

    test('each has what its rules let through', async () => {
      const stable = ['corp-app 1.0.0', 'dinghy 1.0.0', 'dinghy 2.0.0', 'harbour 1.1.0', 'lighthouse 0.1.0'];
      for (const name of ['stable', 'root']) {
        expect(await search(name, '--versions', '--devel')).toEqual(stable.map((one) => `${name}/${one}`));
      }
      expect(await search('edge', '--versions', '--devel')).toEqual([
        'edge/corp-app 9.9.9',
        'edge/dinghy 1.0.0',
        'edge/dinghy 2.0.0',
        'edge/harbour 1.0.0',
        'edge/harbour 1.1.0',
        'edge/harbour 1.2.0-rc.1',
      ]);
      expect(await search('newest', '--versions', '--devel')).toEqual([
        'newest/corp-app 9.9.9',
        'newest/dinghy 2.0.0',
        'newest/harbour 1.2.0-rc.1',
      ]);
    });

    test('a name that is ours comes from us, whatever newer version stands outside', async () => {
      await helm.ok('pull', 'stable/corp-app');
      await expectPulled('corp-app-1.0.0.tgz', 'inside');
      const refused = await helm.run('pull', urlOf('stable', 'corp-app', '9.9.9'));

      expect(refused.code).not.toBe(0);
      expect(refused.stderr).toContain('404 inside, which provides corp-app here, has no version 9.9.9.');
    });

    test('a version that is denied is refused with the rule, and is no version by name', async () => {
      const byAddress = await helm.run('pull', urlOf('stable', 'harbour', '1.0.0'));
      expect(byAddress.code).not.toBe(0);
      expect(byAddress.stderr).toContain('403 harbour 1.0.0 is denied in stable by the rule harbour@<1.1.0');
      expect((await helm.run('pull', 'stable/harbour', '--version', '1.0.0')).code).not.toBe(0);

      await helm.ok('pull', 'edge/harbour', '--version', '1.0.0');
      await expectPulled('harbour-1.0.0.tgz', 'outside');
    });

    test('a version that is hidden is not found, with the reason', async () => {
      const hidden = await helm.run('pull', urlOf('stable', 'harbour', '1.2.0-rc.1'));

      expect(hidden.code).not.toBe(0);
      expect(hidden.stderr).toContain('404 harbour 1.2.0-rc.1 is not offered in stable, because');
      expect(hidden.stderr).toContain('prereleases: false');
    });

    test.each([
      ['stable', '1.1.0'],
      ['edge', '1.2.0-rc.1'],
    ])('--devel pulls the newest that %s has: %s', async (repository, version) => {
      await helm.ok('pull', `${repository}/harbour`, '--devel');
      await expectPulled(`harbour-${version}.tgz`, 'outside');
    });

    test('a version that lists leave out is had by its address', async () => {
      expect((await helm.run('pull', 'newest/dinghy', '--version', '1.0.0')).code).not.toBe(0);
      await helm.ok('pull', urlOf('newest', 'dinghy', '1.0.0'));
      await expectPulled('dinghy-1.0.0.tgz', 'outside');
    });

    test('a chart depends on charts of several of them', async () => {
      const fleet = join(helm.folder, 'fleet');
      await mkdir(fleet);
      const dependencies = [
        { name: 'corp-app', version: '*', repository: '@stable' },
        { name: 'lighthouse', version: '^0.1.0', repository: server.url },
        { name: 'harbour', version: '1.0.0', repository: `${server.url}/edge` },
      ];
      const chart = { apiVersion: 'v2', name: 'fleet', version: '1.0.0', dependencies };
      await writeFile(join(fleet, 'Chart.yaml'), stringify(chart));
      for (const command of ['update', 'build']) {
        await helm.ok('dependency', command, fleet);
        const folder = join(fleet, 'charts');
        await expectPulled('corp-app-1.0.0.tgz', 'inside', folder);
        await expectPulled('lighthouse-0.1.0.tgz', 'inside', folder);
        await expectPulled('harbour-1.0.0.tgz', 'outside', folder);
        await rm(folder, { recursive: true });
      }
    });
  });
});
