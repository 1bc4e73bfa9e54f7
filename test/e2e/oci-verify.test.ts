import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { freshHelm } from '../support/helm.ts';
import { layerOf, ociClientOf, type OciClient } from '../support/oci-client.ts';
import { operate, type Operated } from '../support/operator.ts';
import { needsSharedData, sharedData } from '../support/shared-data.ts';
import { signAgain, type SignedAgain } from '../support/signed-again.ts';
import { startStaticUpstream, type StaticUpstream } from '../support/static-upstream.ts';
import { needsTools } from '../support/tools.ts';
import { eventually } from './client.ts';

const provenanceType = 'application/vnd.cncf.helm.chart.provenance.v1.prov';

/** The real signed charts twice: in `strict` their provenance is required, in `open`, which is the root, not looked at. */
describe.skipIf(needsTools('helm3', 'helm4', 'gpg') || needsSharedData('grafana'))('signed charts', () => {
  let home: string;
  let signed: SignedAgain;
  let keyring: string;
  let upstreams: Readonly<Record<'strict' | 'open', StaticUpstream>>;
  let operated: Operated;
  let oci: OciClient;

  /** What the index of a repository lists, as `<chart>-<version>`. */
  const listed = async (repository: string) => {
    const { entries } = JSON.parse((await operated.get(`/${repository}/index.yaml`)).text) as {
      readonly entries: Readonly<Record<string, readonly { readonly name: string; readonly version: string }[]>>;
    };
    return Object.values(entries).flatMap((rows) => rows.map(({ name, version }) => `${name}-${version}`));
  };
  const untilListed = (count: number) =>
    eventually(
      () => listed('strict'),
      (names) => names.length === count,
    );
  const archives = () => {
    const names = [...signed.good, ...signed.bad, ...signed.unsigned];
    return names.reduce((sum, name) => sum + upstreams.strict.count(`/${name}.tgz`), 0);
  };

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'chartroom-signed-'));
    signed = await signAgain(home);
    keyring = join(home, 'keys.gpg');
    await copyFile(signed.key.publicKeyring, keyring);
    const folder = signed.folder;
    upstreams = { strict: await startStaticUpstream({ folder }), open: await startStaticUpstream({ folder }) };
    const unhurried = { concurrency: 16, requestsPerSecond: 1000 };
    operated = await operate(join(home, 'served'), {
      upstreams: [
        { name: 'strict', url: upstreams.strict.url, verify: { keyring }, ...unhurried },
        { name: 'open', url: upstreams.open.url, mirror: 'requested', ...unhurried },
      ],
      repositories: [
        { name: 'strict', upstreams: ['strict'] },
        { name: 'open', root: true, upstreams: ['open'] },
      ],
    });
    oci = await ociClientOf(operated.server.url);
    for (const repository of ['strict', 'open']) {
      await eventually(
        async () => (await operated.get(`/${repository}/index.yaml`)).status,
        (status) => status === 200,
      );
    }
  });
  afterAll(async () => {
    await Promise.all([oci.close(), operated.server.stop()]);
    await Promise.all(Object.values(upstreams).map((upstream) => upstream.stop()));
    await rm(home, { recursive: true });
  });

  describe('of which a valid provenance is required', () => {
    test('are listed once they are judged: those that are good, and no others', async () => {
      expect((await untilListed(75)).toSorted()).toEqual(signed.good.toSorted());
    });

    test('are told of with their signer', async () => {
      const { text } = await operated.get('/api/v1/repositories/strict/charts/loki/2.1.0');

      expect(JSON.parse(text)).toMatchObject({
        provenance: { result: 'valid', signer: expect.stringContaining('Chartroom test') as string },
      });
    });

    test.each([
      ['loki', '0.25.3', 'bytes'],
      ['loki-stack', '0.33.0', 'bytes'],
      ['promtail', '0.19.2', 'bytes'],
      ['fluent-bit', '0.0.1', 'provenance'],
    ])('are refused with the reason where they are not good, at either door: %s %s', async (name, version, reason) => {
      const overHttp = await operated.get(`/strict/charts/${name}/${name}-${version}.tgz`);
      const beside = await operated.get(`/strict/charts/${name}/${name}-${version}.tgz.prov`);
      const byTag = await oci.ask(`/v2/strict/${name}/manifests/${version}`);
      const archive = digestOf(await readFile(join(signed.folder, `${name}-${version}.tgz`)));
      const byDigest = await oci.ask(`/v2/strict/${name}/blobs/${archive}`);

      expect([overHttp, beside, byTag, byDigest].map(({ status }) => status)).toEqual([403, 403, 403, 403]);
      expect(overHttp.text).toContain(`${name} ${version}`);
      expect(overHttp.text).toContain(reason);
      const { errors } = JSON.parse(byTag.body.toString()) as { errors: { code: string; message: string }[] };
      expect(errors[0]).toMatchObject({ code: 'DENIED', message: expect.stringContaining(reason) as string });
    });

    test('are judged anew when the keyring has other keys, and nothing is fetched for that', async () => {
      const before = archives();
      await copyFile(join(sharedData('grafana'), 'pubkey.gpg'), keyring);
      await untilListed(0);
      const refused = await oci.ask('/v2/strict/loki/manifests/2.1.0');
      expect([refused.status, refused.body.toString()]).toEqual([403, expect.stringContaining('key')]);

      const both = [join(sharedData('grafana'), 'pubkey.gpg'), signed.key.publicKeyring];
      await writeFile(keyring, Buffer.concat(await Promise.all(both.map((file) => readFile(file)))));
      await untilListed(75);
      expect((await oci.manifest('strict/loki', '2.1.0')).digest).toBe(await oci.digest('loki', '2.1.0'));
      expect(archives()).toBe(before);
    });
  });

  describe('that nobody judges here', () => {
    test('have the provenance of their project at either door', async () => {
      for (const name of [...signed.bad, ...signed.good.slice(0, 5)]) {
        const [, chart = '', version = ''] = /^(.*?)-(\d.*)$/.exec(name) ?? [];
        const published = await readFile(join(signed.folder, `${name}.tgz.prov`));
        const { content } = await oci.manifest(`open/${chart}`, version);
        const { text } = await operated.get(`/charts/${chart}/${name}.tgz.prov`);

        expect((await oci.blob(chart, layerOf(content, provenanceType).digest)).equals(published)).toBe(true);
        expect(text).toBe(published.toString());
      }
    });

    test.each([3, 4] as const)(
      'are to Helm %i what they are as files: good, or made for other bytes',
      async (major) => {
        const helm = await freshHelm(major);
        const verify = ['--verify', '--keyring', signed.key.publicKeyring];
        const { host } = new URL(operated.server.url);
        const some = [...signed.bad, ...signed.good.filter((_, at) => at % 30 === major)];
        for (const name of some) {
          const [, chart = '', version = ''] = /^(.*?)-(\d.*)$/.exec(name) ?? [];
          const asFile = await helm.run('verify', join(signed.folder, `${name}.tgz`), ...verify.slice(1));
          const outcomes = [
            await helm.run('pull', `http://${host}/open/charts/${chart}/${name}.tgz`, ...verify),
            await helm.run('pull', `oci://${host}/${chart}`, '--version', version, '--plain-http', ...verify),
          ];
          expect(asFile.code).toBe(signed.bad.includes(name) ? 1 : 0);
          for (const { code, stdout, stderr } of outcomes) {
            expect(code).toBe(asFile.code);
            expect(stdout).toContain(asFile.stdout);
            expect(stderr).toContain(asFile.stderr.replace('Error: ', '').trim());
          }
        }
        await helm.remove();
      },
    );
  });
});
