import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

import { describe, expect, onTestFinished, test } from 'vitest';

import { S3Client } from '../../src/lib/s3-client.ts';
import { holds, newCanary } from '../support/canaries.ts';
import { hostedPlaces } from '../support/canary-hosted.ts';
import { isContent, type CanaryPlace } from '../support/canary-place.ts';
import { registryPlaces } from '../support/canary-registries.ts';
import { bucketPlace, repeatingPlaces, repositoryPlaces, untrustedPlace } from '../support/canary-repositories.ts';
import { misdeeds } from '../support/misdeeds.ts';
import { operate, type Operated } from '../support/operator.ts';
import { temporaryFolder } from '../support/temp.ts';
import { needsTools } from '../support/tools.ts';
import { startVersitygw } from '../support/versitygw.ts';

/** Something that anybody can read, by where it stands. */
type Read = readonly [where: string, text: string];

/** The program on every place at once, its store in a bucket, and all it may say turned on. */
async function world() {
  const home = await temporaryFolder();
  const { places: hosted, internet } = await hostedPlaces();
  const repositories = [...(await repositoryPlaces()), ...(await repeatingPlaces())];
  const here = [...repositories, ...(await registryPlaces()), await bucketPlace(), await untrustedPlace()];
  const places = [...here, ...hosted];
  const buckets = await startVersitygw(join(home, 'buckets'));
  const client = new S3Client(buckets.options('store'));
  onTestFinished(async () => {
    client.close();
    await buckets.stop();
  });
  await client.ensureBucket();
  const { endpoint, accessKeyId, secretAccessKey } = buckets;
  const adminToken = newCanary();
  const settings = {
    store: { s3: { endpoint, bucket: 'store', accessKeyId, secretAccessKey } },
    defaults: { interval: 0, retries: 1, requestsPerSecond: 1000 },
    upstreams: places.map(({ upstream }) => upstream),
    log: { level: 'debug' },
  };
  const env = { HTTPS_PROXY: internet.proxy, NO_PROXY: '127.0.0.1', NODE_EXTRA_CA_CERTS: internet.caFile };
  const operated = await operate(home, settings, { env, adminToken });
  onTestFinished(async () => void (await operated.server.stop()));
  const canaries: Read[] = [
    ['the admin token', adminToken],
    ['the key of the store', secretAccessKey],
    ...places.flatMap(({ upstream, canaries: texts }) => texts.map((text): Read => [upstream.name, text])),
  ];
  return { places, operated, canaries, folder: join(home, 'buckets/store') };
}

/** What is said of one upstream, at every door that says something of it, once it was asked for news. */
async function toldOf(operated: Operated, name: string, when: string): Promise<readonly Read[]> {
  const synced = await operated.sync(name);
  const paths = [
    `/api/v1/upstreams/${name}`,
    `/charts/${name}/${name}-1.0.0.tgz`,
    `/charts/${name}/${name}-9.9.9.tgz`,
    `/v2/${name}/manifests/1.1.0`,
    `/v2/${name}/manifests/9.9.9`,
  ];
  const told = await Promise.all(paths.map(async (path): Promise<Read> => [path, (await operated.get(path)).text]));
  return [[`sync of ${name}`, synced.text], ...told].map(([where = '', text = '']): Read => [
    `${where}, ${when}`,
    text,
  ]);
}

async function toldOfAll(operated: Operated, places: readonly CanaryPlace[], when: string): Promise<readonly Read[]> {
  const told = await Promise.all(places.map(({ upstream }) => toldOf(operated, upstream.name, when)));
  const paths = ['/api/v1/status', '/metrics', '/index.yaml', '/v2/_catalog', '/readyz'];
  const common = paths.map(async (path): Promise<Read> => [`${path}, ${when}`, (await operated.get(path)).text]);
  return [...told.flat(), ...(await Promise.all(common))];
}

async function toldByCommands(operated: Operated, when: string): Promise<readonly Read[]> {
  const commands = [['check'], ['check', '--connect'], ['sync'], ['fsck']];
  const told: Read[] = [];
  for (const words of commands) {
    const { stdout, stderr } = await operated.command(...words);
    told.push([`${words.join(' ')}, ${when}`, stdout + stderr]);
  }
  return told;
}

/** Every file below a folder, decompressed. */
async function filesIn(folder: string): Promise<readonly Read[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const read = async (path: string): Promise<Read> => {
    const bytes = await readFile(path);
    return [path.slice(folder.length), (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString()];
  };
  return Promise.all(entries.filter((one) => one.isFile()).map((one) => read(join(one.parentPath, one.name))));
}

/** Where which secret can be read, in any form. */
const hits = (texts: readonly Read[], canaries: readonly Read[]): readonly string[] =>
  texts.flatMap(([where, text]) =>
    canaries.filter(([, canary]) => holds(text, canary)).map(([whose]) => `${whose}: ${where}`),
  );

describe.skipIf(needsTools('versitygw', 'openssl'))('secrets of every shape, in one configuration,', () => {
  test('are shown to whom they are for, and said to nobody else, whatever upstreams answer', async () => {
    const { places, operated, canaries, folder } = await world();
    const misbehave: CanaryPlace['misbehave'] = (...how) => {
      for (const place of places) place.misbehave(...how);
    };
    const told: Read[] = [];
    for (const [name, misdeed] of Object.entries(misdeeds)) {
      misbehave(misdeed, isContent);
      told.push(...(await toldOfAll(operated, places, `content: ${name}`)));
      misbehave(misdeed);
      told.push(...(await toldOfAll(operated, places, name)));
    }
    misbehave(misdeeds['refuses 401']);
    told.push(...(await toldByCommands(operated, 'all of them refuse')));
    misbehave(undefined);
    told.push(...(await toldOfAll(operated, places, 'all is well')));
    told.push(...(await toldByCommands(operated, 'all is well')));
    told.push(['log', operated.server.log.map((line) => JSON.stringify(line)).join('\n')]);

    expect(places.filter(({ wasShown }) => !wasShown()).map(({ upstream }) => upstream.name)).toEqual([]);
    expect(hits(told, canaries)).toEqual([]);
    // an address is kept as its index names it, or nobody could go there again
    const kept = hits(await filesIn(folder), canaries).filter((hit) => !/^(?:queries|paths): \/catalogs\//.test(hit));
    expect(kept).toEqual([]);
  }, 240_000);
});
