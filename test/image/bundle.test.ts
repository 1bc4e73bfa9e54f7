import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Metafile } from 'esbuild';
import { generateKey } from 'openpgp';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { stringify } from 'yaml';

import { bundle } from '../../scripts/bundle.ts';
import { startChartroom } from '../support/chartroom.ts';
import { chartArchive } from '../support/charts.ts';
import { runOk } from '../support/process.ts';

describe('the bundle', () => {
  let home: string;
  let outputs: Metafile['outputs'];

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'chartroom-bundle-'));
    outputs = (await bundle(join(home, 'dist'))).outputs;
  });
  afterAll(() => rm(home, { recursive: true }));

  test('serves charts on a machine where no package is installed', async () => {
    await mkdir(join(home, 'charts'));
    await writeFile(join(home, 'charts/dinghy-1.0.0.tgz'), await chartArchive({ name: 'dinghy', version: '1.0.0' }));
    const config = join(home, 'config.yaml');
    const upstreams = [{ name: 'folder', url: './charts' }];
    await writeFile(config, stringify({ server: { listen: '127.0.0.1:0' }, upstreams }));
    const server = await startChartroom(config, { program: [join(home, 'dist/main.js')] });
    onTestFinished(async () => void (await server.stop()));
    await server.logged((line) => line['upstream'] === 'folder');
    const index = await (await fetch(`${server.url}/index.yaml`)).text();

    expect(index).toContain('"dinghy"');
    expect(await server.stop()).toBe(0);
  });

  test('reads keyrings', async () => {
    const { publicKey } = await generateKey({ userIDs: [{ name: 'ours' }] });
    await writeFile(join(home, 'keys.asc'), publicKey);
    const config = join(home, 'verifying.yaml');
    await writeFile(
      config,
      stringify({ upstreams: [{ name: 'a', url: './charts', verify: { keyring: 'keys.asc' } }] }),
    );
    const said = await runOk(process.execPath, [join(home, 'dist/main.js'), 'check', '--config', config]);
    expect(said).toContain('require, 1 key');
  });

  test('loads the clients of object storage and of clouds, and what verifies signatures, only when they are asked for', () => {
    const everything = Object.values(outputs).flatMap((output) => Object.keys(output.inputs));
    const clients = ['minio', '@aws-sdk', '@smithy', '@azure', 'google-auth-library', 'openpgp'];
    const isOf = (client: string) => (input: string) => input.includes(`node_modules/${client}/`);

    for (const program of ['main.js', 'worker.js']) {
      const atStart = inputsAtStart(outputs, program);
      expect(atStart).toContain(`src/${program.replace('.js', '.ts')}`);
      expect(clients.filter((client) => atStart.some(isOf(client)))).toEqual([]);
    }
    expect(clients.filter((client) => !everything.some(isOf(client)))).toEqual([]);
  });
});

/** The source files that are loaded with one output and everything it imports statically. */
function inputsAtStart(outputs: Metafile['outputs'], name: string): string[] {
  const pending = Object.keys(outputs).filter((path) => path.endsWith(`/${name}`));
  const seen = new Set(pending);
  for (const path of pending) {
    for (const { path: imported, kind } of outputs[path]?.imports ?? []) {
      if (kind !== 'import-statement' || seen.has(imported) || !outputs[imported]) continue;
      seen.add(imported);
      pending.push(imported);
    }
  }
  return [...seen].flatMap((path) => Object.keys(outputs[path]?.inputs ?? {}));
}
