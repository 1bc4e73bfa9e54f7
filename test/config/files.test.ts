import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';

import { packChart } from '../../scripts/build-example-chart.ts';
import { findStaleDocs } from '../../scripts/generate-docs.ts';
import type { Environment } from '../../src/config/environment.ts';
import { type Loaded, loadConfig } from '../../src/config/load.ts';
import { describeOptions, listForm, mappingForm, type OptionSchema } from '../../src/config/options.ts';
import { fileSchema } from '../../src/config/schema.ts';
import { configOf, writeConfig } from './support.ts';

const root = join(import.meta.dirname, '../..');
const inProject = (path: string): string => join(root, path);

/** Variables that example.yaml names. */
const exampleEnvironment = {
  CHARTROOM_ADMIN_TOKEN: 'a',
  S3_ACCESS_KEY_ID: 'b',
  S3_SECRET_ACCESS_KEY: 'c',
  PODINFO_USER: 'd',
  PODINFO_PASSWORD: 'e',
  GITHUB_TOKEN: 'f',
  ARTIFACTORY_KEY: 'g',
  MINIO_ACCESS_KEY_ID: 'h',
  MINIO_SECRET_ACCESS_KEY: 'i',
  AZURE_TENANT: 'j',
  AZURE_CLIENT: 'k',
  AZURE_SECRET: 'l',
};

/** Files that example.yaml and the blueprint name, which must be there. */
const namedFiles = ['ca.pem', 'client.pem', 'client.key', 'pull-secret.json', 'reader.json'];

/** What a binary keyring begins with. */
const publicKeyring = Buffer.from([0x99]);

/** Reads a configuration beside the files that it names. */
async function loadBesideFiles(text: string, environment: Environment): Promise<Loaded> {
  const file = await writeConfig(text);
  for (const name of namedFiles) await writeFile(join(dirname(file), name), '');
  await writeFile(join(dirname(file), 'pubring.gpg'), publicKeyring);
  return loadConfig(file, environment);
}

test('config/schema.json and docs/configuration.md follow from the schema (else run "npm run docs")', async () => {
  expect(await findStaleDocs()).toEqual([]);
});

describe('config/schema.json', () => {
  const accepts = async (text: string): Promise<boolean> => {
    const schema: unknown = JSON.parse(await readFile(inProject('config/schema.json'), 'utf8'));
    return z.fromJSONSchema(schema as z.core.JSONSchema.JSONSchema).safeParse(parse(text)).success;
  };

  test.each(['config/minimal.yaml', 'config/example.yaml'])('accepts %s', async (path) => {
    expect(await accepts(await readFile(inProject(path), 'utf8'))).toBe(true);
  });

  test('accepts a placeholder wherever something plain may stand', async () => {
    const options =
      'interval: "${I}", concurrency: "${C}", plainHTTP: "${P}", type: "${T}", mirror: "${M}", charts: ["${X}"], retired: "${R}", maxShrink: "${S}", proxy: "${W}", auth: { username: "${A}", headers: { X-Key: "${H}" } }';
    const rules =
      'root: "${R}", upstreams: ["${N}"], overlap: "${O}", owners: { a: "${N}" }, deny: ["${D}"], charts: ["${X}"], versions: "${V}", prereleases: "${P}", listNewest: "${L}", cooldown: "${C}"';
    const text = `upstreams: [{ name: "\${N}", url: "\${U}", ${options} }]\nrepositories: [{ name: "\${M}", ${rules} }]`;
    expect(await accepts(text)).toBe(true);
  });

  test.each([
    'log: {}',
    'upstreams: []',
    'upstreams: [{ name: a }]',
    'upstreams: [{ name: a, url: b, urll: c }]',
    'upstreams: [{ name: A, url: b }]',
    'upstreams: [{ name: a, url: b, interval: 2 m }]',
    'upstreams: [{ name: a, url: b, mirror: some }]',
    'upstreams: [{ name: a, url: b, concurrency: 65 }]',
    'upstreams: [{ name: a, url: b, withdrawn: delete }]',
    'upstreams: [{ name: a, url: b, verify: { keyring: c, mode: warn } }]',
    'upstreams: [{ name: a, url: b, verify: { keys: c } }]',
    'upstreams: [{ name: a, url: b, maxShrink: 101% }]',
    'upstreams: [{ name: a, url: b, maxShrink: 50 }]',
    'upstreams: [{ name: a, url: b, requestsPerSecond: 1001 }]',
    'upstreams: [{ name: a, url: b, auth: { tokne: c } }]',
    'upstreams: [{ name: a, url: b, auth: { provider: asw } }]',
    'upstreams: [{ name: a, url: b, auth: { headers: { A: [] } } }]',
    'upstreams: [{ name: a, url: b, auth: { username: "a:b", password: c } }]',
    'upstreams: [{ name: a, url: b, proxy: "socks5://c" }]',
    'upstreams: [{ name: a, url: b, archiveHosts: c }]',
    'upstreams: [{ name: a, url: b, versions: 1 }]',
    'upstreams: [{ name: a, url: b, versions: {} }]',
    'upstreams: [{ name: a, url: b }]\nserver: { publicUrl: "https://a.corp/?b" }',
    'upstreams: [{ name: a, url: b }]\nrepositories: []',
    'upstreams: [{ name: a, url: b }]\nrepositories: [{ root: true }]',
    'upstreams: [{ name: a, url: b }]\nrepositories: [{ name: v2 }]',
    'upstreams: [{ name: a, url: b }]\nrepositories: [{ name: c, upstreams: [] }]',
    'upstreams: [{ name: a, url: b }]\nrepositories: [{ name: c, deny: ["!d"] }]',
    'upstreams: [{ name: a, url: b }]\nrepositories: [{ name: c, owners: { d: [a] } }]',
    'upstreams: [{ name: a, url: b }]\nrepositories: [{ name: c, listNewest: 0 }]',
    'upstreams: [{ name: a, url: b }]\nrepositories: [{ name: c, cooldown: 3d }]',
  ])('refuses %s', async (text) => expect(await accepts(text)).toBe(false));
});

describe('config/minimal.yaml', () => {
  test('offers a folder, a chart repository and a registry', async () => {
    const config = configOf(await loadConfig(inProject('config/minimal.yaml'), {}));
    expect(config.upstreams.map(({ name, type, url }) => [name, type, url])).toEqual([
      ['hello', 'folder', expect.stringMatching(/\/config\/charts$/)],
      ['podinfo', 'chart-repository', 'https://stefanprodan.github.io/podinfo'],
      ['podinfo-oci', 'registry', 'oci://ghcr.io/stefanprodan/charts'],
    ]);
    expect(config.store).toEqual({ kind: 'filesystem', path: inProject('data') });
  });

  test('serves a chart whose archive is what its sources make', async () => {
    const made = await packChart(inProject('config/charts-src/hello-chartroom'), 'hello-chartroom');
    const kept = await readFile(inProject('config/charts/hello-chartroom-0.1.0.tgz'));
    expect(made.equals(kept), 'run "node scripts/build-example-chart.ts"').toBe(true);
  });
});

describe('config/example.yaml', () => {
  test('is valid', async () => {
    const text = await readFile(inProject('config/example.yaml'), 'utf8');
    const loaded = await loadBesideFiles(text, exampleEnvironment);
    configOf(loaded);
    expect('warnings' in loaded && loaded.warnings).toEqual([]);
  });

  test('shows every option', async () => {
    const text = await readFile(inProject('config/example.yaml'), 'utf8');
    const options = optionPaths(describeOptions(fileSchema)).filter((path) => !path.startsWith('defaults.'));
    const shown = keyPaths(parse(text.replaceAll(/^ {2}# (filesystem:| {2}path:)/gm, '  $1')));
    expect(options.filter((option) => !shown.has(option))).toEqual([]);
    expect(options.length).toBeGreaterThan(40);
  });

  test('says why one would change an option, for each', async () => {
    const rows = (await readFile(inProject('config/example.yaml'), 'utf8')).split('\n');
    const explained = new Set<string>();
    const bare = new Set<string>();
    for (const [at, row] of rows.entries()) {
      const option = /^(?: {2}){1,3}(?:- )?(?<option>[a-zA-Z]+):/.exec(row)?.groups?.['option'];
      if (option !== undefined) (/# /.test(rows[at - 1] ?? '') ? explained : bare).add(option);
    }
    expect([...bare.difference(explained)]).toEqual([]);
  });
});

/** Every option by its path, lists without their numbers. */
function optionPaths(schema: OptionSchema, path = ''): readonly string[] {
  const items = listForm(schema)?.items;
  const properties = Object.entries(mappingForm(items ?? schema)?.properties ?? {});
  return [
    ...(path === '' ? [] : [path]),
    ...properties.flatMap(([key, option]) => optionPaths(option, join(path, key))),
  ].map((one) => one.replaceAll('/', '.'));
}

function keyPaths(value: unknown, path = '', found = new Set<string>()): Set<string> {
  if (path !== '') found.add(path);
  if (Array.isArray(value)) for (const item of value) keyPaths(item, path, found);
  else if (typeof value === 'object' && value !== null) {
    for (const [key, inside] of Object.entries(value)) keyPaths(inside, path === '' ? key : `${path}.${key}`, found);
  }
  return found;
}

const blueprint = join(root, '../shared/configuration.md');

describe.skipIf(!existsSync(blueprint))(
  'the file that ../shared/configuration.md draws (skipped where that is missing)',
  () => {
    const environment = { CHARTROOM_ADMIN_TOKEN: 'a', PODINFO_USER: 'b' };
    /** Secret files are those of a machine that this one is not, and digests are shortened for people. */
    const read = async (): Promise<string> => {
      const yaml = /```yaml\n([^]*?)```/.exec(await readFile(blueprint, 'utf8'))?.[1] ?? '';
      return yaml
        .replace('${file:/run/secrets/podinfo}', 'secret')
        .replace('/etc/chartroom/pubring.gpg', 'pubring.gpg')
        .replace('sha256:9f2c…', `sha256:${'9f'.repeat(32)}`);
    };

    test('is valid', async () => {
      const { upstreams } = configOf(await loadBesideFiles(await read(), environment));
      expect(upstreams.map(({ name, verify }) => [name, verify?.mode])).toEqual([
        ['internal', undefined],
        ['podinfo', 'require'],
      ]);
    });
  },
);
