import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it, onTestFinished } from 'vitest';
import { parse, stringify } from 'yaml';

import { publicUrl } from '../../src/config/summary.ts';
import { openLog } from '../../src/lib/log.ts';
import { startChartroom } from '../support/chartroom.ts';
import { openRecipe, recipeOf } from '../support/configured.ts';
import { faultOf, never } from '../support/http.ts';
import { openInternet, type SiteAnswer } from '../support/internet.ts';
import { cloudsmith } from '../support/products/cloudsmith.ts';
import { naiveClient } from '../support/products/naive.ts';
import { openNamed } from '../support/products/recipes.ts';
import { bytesOf, expectShelf, isUnchanged, shelfOf } from '../support/products/shelf.ts';
import { temporaryFolder } from '../support/temp.ts';

const token = 'c4naryTokenX9zQ';
const environment = { CLOUDSMITH_TOKEN: token };
const shown = 'https://dl.cloudsmith.io/[secret]';
const below = '/acme/charts/helm/charts/index.yaml';
const path = `/[secret]${below}`;

async function world(good = token) {
  const shelf = await shelfOf('nginx 1.0.0', 'nginx 1.1.0');
  return { shelf, internet: await openInternet({ 'dl.cloudsmith.io': cloudsmith(shelf, good) }) };
}

describe('Cloudsmith', () => {
  it('is read as its recipe says, with the token as a password', async () => {
    const { shelf, internet } = await world();
    const { upstream } = (await openRecipe('Cloudsmith', { internet, environment })).settings;
    const listing = await expectShelf(upstream, shelf);
    expect(await isUnchanged(upstream, listing)).toBe(true);
    expect(internet.requests.map(({ path }) => path).join()).not.toContain(token);
  });

  it('is read with the token in the path, which no log and no address for people shows', async () => {
    const { shelf, internet } = await world();
    const lines: string[] = [];
    const log = openLog({ level: 'debug', format: 'json' }, { write: (line: string) => void lines.push(line) });
    const surroundings = { internet, environment, log };
    const { settings, config } = await openNamed('Cloudsmith', 'cloudsmith-path', surroundings);
    const listing = await expectShelf(settings.upstream, shelf);
    expect(await isUnchanged(settings.upstream, listing)).toBe(true);
    expect(lines).toHaveLength(internet.requests.length);
    expect(lines.join()).not.toContain(token);
    expect([settings.url, publicUrl(config.url)]).toEqual(Array(2).fill(`${shown}/acme/charts/helm/charts`));
  });

  it('with the token in the path shows it at no address and in no log of the program', async () => {
    const { shelf, internet } = await world();
    const folder = await temporaryFolder();
    const file = join(folder, 'chartroom.yaml');
    const [, upstream] = (parse(await recipeOf('Cloudsmith')) as { upstreams: object[] }).upstreams;
    const config = {
      server: { listen: '127.0.0.1:0' },
      store: { filesystem: { path: join(folder, 'data') } },
      upstreams: [{ ...upstream, tls: { caFile: internet.caFile } }],
      log: { level: 'debug' },
    };
    await writeFile(file, stringify(config));
    const chartroom = await startChartroom(file, { env: { ...environment, HTTPS_PROXY: internet.proxy } });
    onTestFinished(() => chartroom.kill9());
    await chartroom.logged(({ msg }) => msg === 'synced');
    const archive = await fetch(`${chartroom.url}/charts/nginx/nginx-1.0.0.tgz`);
    expect(Buffer.from(await archive.arrayBuffer())).toEqual(shelf[0]?.archive);
    for (const address of ['index.yaml', 'metrics', 'readyz', 'api/v1/status', 'api/v1/upstreams/cloudsmith-path']) {
      expect(await (await fetch(`${chartroom.url}/${address}`)).text()).not.toContain(token);
    }
    await chartroom.stop();
    expect(JSON.stringify(chartroom.log)).toContain('/[secret]/acme/');
    expect(JSON.stringify(chartroom.log)).not.toContain(token);
  });

  it.each<[string, SiteAnswer, string]>([
    ['refused', { status: 401 }, `the server refused these credentials for GET ${path} (401).`],
    ['a page', { body: '<!DOCTYPE html>' }, `${shown}${below} answered with a web page, not an index.`],
    ['missing', { status: 404 }, `there is no index.yaml at ${shown}${below} (404).`],
    ['broken', { status: 500 }, `answered 500 Internal Server Error to GET ${path}.`],
  ])('never shows the token in the path when the index is %s', async (_, answer, message) => {
    const internet = await openInternet({ 'dl.cloudsmith.io': () => answer });
    const { upstream } = (await openNamed('Cloudsmith', 'cloudsmith-path', { internet, environment })).settings;
    const fault = await faultOf(upstream.list(undefined, never));
    expect(fault.message).toBe(`cloudsmith-path: ${message}`);
    expect(`${fault.advice} ${fault.stack}`).not.toContain(token);
  });

  it.each<[string, SiteAnswer]>([
    ['refused', { status: 401 }],
    ['forbidden', { status: 403 }],
    ['broken', { status: 500 }],
    ['led astray', { status: 302, headers: { location: `/${token}/acme/charts/helm/charts/nginx-1.0.0.tgz` } }],
  ])('never shows the token in an address of the index when its archive is %s', async (_, answer) => {
    const internet = await openInternet({ 'dl.cloudsmith.io': () => answer });
    const { upstream } = (await openNamed('Cloudsmith', 'cloudsmith-path', { internet, environment })).settings;
    const source = `https://dl.cloudsmith.io/${token}/acme/charts/helm/charts/nginx-1.0.0.tgz`;
    const fault = await faultOf(bytesOf(upstream, source, 'archive'));
    expect(fault.message).toMatch(/^cloudsmith-path: /);
    expect(`${fault.message} ${fault.advice} ${fault.stack}`).not.toContain(token);
  });

  it('refuses a token that was disabled, and the message says so', async () => {
    const { internet } = await world('anotherTokenY7');
    const { upstream } = (await openRecipe('Cloudsmith', { internet, environment })).settings;
    expect(await faultOf(upstream.list(undefined, never))).toMatchObject({
      code: 'unauthorized',
      message:
        'cloudsmith: the server refused these credentials for GET /basic/acme/charts/helm/charts/index.yaml (401).',
    });
  });

  it('refuses who brings no token', async () => {
    const { internet } = await world();
    const ask = await naiveClient(internet);
    expect((await ask('https://dl.cloudsmith.io/public/acme/charts/helm/charts/index.yaml')).status).toBe(401);
  });
});
