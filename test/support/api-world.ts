import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { stringify } from 'yaml';

import { compose } from '../../src/compose.ts';
import { loadConfig } from '../../src/config/load.ts';
import { describeProblem } from '../../src/config/problem.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { openLog } from '../../src/lib/log.ts';
import { chartArchive, type ChartMetadata } from './charts.ts';
import { createSigner } from './signer.ts';

/** What the API answered. */
export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

/** The whole program over a few charts of its own, in two repositories, asked through its API. */
export interface ApiWorld {
  ask(path: string, method?: string): Promise<ApiAnswer>;
  close(): Promise<void>;
}

const apiToken = 'open-sesame';

const redis = {
  name: 'redis',
  description: 'An in-memory store for data that is asked for often',
  keywords: ['cache', 'database'],
  maintainers: [{ name: 'Public Charts', url: 'https://charts.example' }],
};

/** By upstream: Chart.yaml, and the files beside it. */
const charts: Readonly<Record<string, readonly (readonly [ChartMetadata, Readonly<Record<string, string>>?])[]>> = {
  internal: [
    [
      {
        name: 'corp-app',
        version: '1.2.0',
        appVersion: '7.1',
        description: 'The application of the company',
        keywords: ['corp'],
        dependencies: [
          { name: 'redis', version: '^1.0.0', repository: 'https://charts.example', condition: 'redis.enabled' },
          { name: 'unheard-of', version: '1.x', repository: 'https://charts.example' },
        ],
      },
      {
        'README.md': '# corp-app\n\nRuns the company.\n',
        'values.schema.json': '{ "type": "object" }\n',
      },
    ],
  ],
  public: [
    [{ ...redis, version: '1.0.0' }],
    [{ ...redis, version: '1.1.0+build.2' }],
    [{ ...redis, version: '2.0.0-rc.1' }],
    [{ name: 'nginx', version: '1.24.0', description: 'A web server', deprecated: true }],
    [{ name: 'nginx', version: '1.25.0', description: 'A web server' }],
    [{ name: 'corp-app', version: '9.9.9', description: 'Not of the company' }],
    [{ name: 'Upper', version: '1.0.0' }],
  ],
  fading: [[{ name: 'kept', version: '1.0.0' }], [{ name: 'lost', version: '1.0.0' }]],
  signed: [[{ name: 'tool', version: '1.0.0' }], [{ name: 'tool', version: '2.0.0' }]],
};

/** Of each upstream, beside what all have. */
const further: Readonly<Record<string, object>> = {
  fading: { mirror: 'requested' },
  signed: { verify: { keyring: 'pubring.gpg' } },
};

const repositories = [
  {
    name: 'stable',
    root: true,
    upstreams: ['internal', 'public'],
    owners: { 'corp-*': 'internal' },
    deny: ['nginx@<1.25.0'],
    prereleases: false,
  },
  { name: 'edge', upstreams: ['public', 'gone', 'fading'] },
  { name: 'new', upstreams: ['gone'] },
  { name: 'verified', upstreams: ['signed'] },
];

/**
 * Opened, synced and filled. The upstream `gone` cannot be reached; `fading` has lost the archive of one chart before it
 * was asked for, and rewritten that of another one afterwards; `signed` must sign its charts, and did so with the first.
 */
export async function openApiWorld(): Promise<ApiWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'chartroom-'));
  const upstreams: object[] = [];
  for (const name of Object.keys(charts)) {
    await mkdir(join(folder, name));
    for (const [metadata, files] of charts[name] ?? []) await writeChart(join(folder, name), metadata, files);
    upstreams.push({ name, url: `./${name}`, interval: 0, ...further[name] });
  }
  await signTool(folder);
  upstreams.push({ name: 'gone', url: 'http://127.0.0.1:1/charts', interval: 0, retries: 1 });
  const server = { listen: '127.0.0.1:0', adminToken: apiToken, publicUrl: 'https://charts.corp' };
  const file = join(folder, 'chartroom.yaml');
  await writeFile(file, stringify({ server, store: { filesystem: { path: './data' } }, upstreams, repositories }));
  const loaded = await loadConfig(file, {});
  if ('problems' in loaded) throw new Error(loaded.problems.map(describeProblem).join('\n'));
  const chartroom = compose({ config: loaded.config, clock: systemClock, log: silent, version: '0.1.0' });
  const running = await chartroom.serve();
  await chartroom.engine.open();
  for (const name of Object.keys(charts)) await chartroom.operator.sync(name);
  await chartroom.operator.sync('gone').catch(() => undefined);
  await chartroom.filling.settled();
  const ask: ApiWorld['ask'] = async (path, method = 'GET') => {
    const headers = method === 'GET' ? {} : { authorization: `Bearer ${apiToken}` };
    const answer = await fetch(`http://${running.address}${path}`, { method, headers });
    return { status: answer.status, headers: answer.headers, body: await answer.json() };
  };
  await rm(join(folder, 'fading/lost-1.0.0.tgz'));
  await ask('/api/v1/repositories/edge/charts/kept/1.0.0');
  await writeChart(join(folder, 'fading'), { name: 'kept', version: '1.0.0', description: 'Other bytes' });
  await chartroom.operator.sync('fading');
  return {
    ask,
    close: async () => {
      await running.drain(0);
      await chartroom.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function writeChart(
  folder: string,
  chart: ChartMetadata,
  files?: Readonly<Record<string, string>>,
): Promise<void> {
  await writeFile(join(folder, `${chart.name}-${chart.version}.tgz`), await chartArchive(chart, files));
}

/** Its first version only. */
async function signTool(folder: string): Promise<void> {
  const signer = await createSigner('toolmaker');
  await writeFile(join(folder, 'pubring.gpg'), signer.keyring.bytes);
  const file = join(folder, 'signed/tool-1.0.0.tgz');
  await writeFile(`${file}.prov`, await signer.sign('tool', '1.0.0', await readFile(file)));
}

const silent = openLog({ level: 'error', format: 'json' }, { write: () => undefined });
