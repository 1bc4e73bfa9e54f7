import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { startDistribution, type Distribution } from '../support/distribution.ts';
import { freshHelm } from '../support/helm.ts';
import { layerOf, ociClientOf, type OciClient } from '../support/oci-client.ts';
import { operate, type Operated } from '../support/operator.ts';
import { needsSharedData } from '../support/shared-data.ts';
import { signAgain, type SignedAgain } from '../support/signed-again.ts';
import { startStaticUpstream, type StaticUpstream } from '../support/static-upstream.ts';
import { needsTools } from '../support/tools.ts';
import { clientOf, eventually, type Client } from './client.ts';

/** Real signed charts, each as old and as new as there are. */
const charts = [
  ['loki', '2.1.0'],
  ['loki-stack', '0.34.0'],
  ['promtail', '0.25.1'],
  ['fluent-bit', '2.0.1'],
] as const;

const chartType = 'application/vnd.cncf.helm.chart.content.v1.tar+gzip';
const provenanceType = 'application/vnd.cncf.helm.chart.provenance.v1.prov';
const created = 'org.opencontainers.image.created';

/**
 * A chart repository, our registry's door, `helm push` into another registry, and a second server of ours with that
 * registry as its upstream.
 */
describe.skipIf(needsTools('helm3', 'helm4', 'registry', 'gpg') || needsSharedData('grafana'))('there and back', () => {
  let home: string;
  let signed: SignedAgain;
  let repository: StaticUpstream;
  let registry: Distribution;
  let servers: { readonly first: Operated; readonly second: Operated };
  let doors: { readonly first: OciClient; readonly elsewhere: OciClient; readonly second: OciClient };
  let http: Client;

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'chartroom-trip-'));
    const names = charts.map(([name, version]) => `${name}-${version}`);
    signed = await signAgain(home, names);
    repository = await startStaticUpstream({ folder: signed.folder });
    const first = await operate(join(home, 'first'), { upstreams: [{ name: 'signed', url: repository.url }] });
    await eventually(
      async () => (await first.upstream('signed')).counts.held,
      (held) => held === charts.length,
    );
    registry = await startDistribution();
    await carry(first.server.url, registry.url, home);
    const url = `oci://${new URL(registry.url).host}/charts`;
    const pushed = { name: 'pushed', url, charts: charts.map(([name]) => name), plainHTTP: true };
    const second = await operate(join(home, 'second'), { upstreams: [pushed] });
    await eventually(
      async () => (await second.upstream('pushed')).counts.held,
      (held) => held === charts.length,
    );
    servers = { first, second };
    doors = {
      first: await ociClientOf(first.server.url),
      elsewhere: await ociClientOf(registry.url),
      second: await ociClientOf(second.server.url),
    };
    http = await clientOf(second.server);
  });
  afterAll(async () => {
    await Promise.all([...Object.values(doors), http].map((client) => client.close()));
    await Promise.all(Object.values(servers).map(({ server }) => server.stop()));
    await Promise.all([repository.stop(), registry.stop()]);
    await rm(home, { recursive: true });
  });

  const originals = async (name: string, version: string) => {
    const file = join(signed.folder, `${name}-${version}.tgz`);
    return { archive: await readFile(file), provenance: await readFile(`${file}.prov`) };
  };

  test.each(charts)('what Helm pushes of %s %s is what we had derived, but for the time', async (name, version) => {
    const derived = (await doors.first.manifest(name, version)).content;
    const pushed = (await doors.elsewhere.manifest(`charts/${name}`, version)).content;
    const { [created]: when, ...annotations } = pushed.annotations ?? {};

    expect(when).toBeDefined();
    expect(derived).toEqual({ ...pushed, annotations });
  });

  test.each(charts)('the manifest and config of %s %s are passed on verbatim', async (name, version) => {
    const pushed = await doors.elsewhere.manifest(`charts/${name}`, version);
    const served = await doors.second.manifest(`all/${name}`, version);
    const config = pushed.content.config.digest;

    expect(served.bytes.equals(pushed.bytes)).toBe(true);
    expect([served.digest, served.type]).toEqual([pushed.digest, pushed.type]);
    expect((await doors.second.manifest(`all/${name}`, pushed.digest)).bytes.equals(pushed.bytes)).toBe(true);
    expect(await doors.second.blob(name, config)).toEqual(await doors.elsewhere.blob(`charts/${name}`, config));
  });

  test.each(charts)('%s %s arrives over HTTP with its bytes and its signature', async (name, version) => {
    const { archive, provenance } = await originals(name, version);
    const { content } = await doors.elsewhere.manifest(`charts/${name}`, version);
    const row = (await http.index()).get(name)?.find((one) => one.version === version);
    const path = `/${row?.urls[0]}`;

    expect(layerOf(content, chartType).digest).toBe(`sha256:${row?.digest}`);
    expect(layerOf(content, provenanceType).digest).toBe(digestOf(provenance));
    expect((await http.get(path)).equals(archive)).toBe(true);
    expect((await http.get(`${path}.prov`)).equals(provenance)).toBe(true);
  });

  test.each([3, 4] as const)('Helm %i finds every signature good at either door', async (major) => {
    const helm = await freshHelm(major);
    onTestFinished(() => helm.remove());
    const verify = ['--verify', '--keyring', signed.key.publicKeyring];
    await helm.ok('repo', 'add', 'second', servers.second.server.url);
    for (const [name, version] of charts) {
      const { stdout } = await helm.run('pull', `second/${name}`, '--version', version, ...verify);
      expect(stdout).toContain('Chart Hash Verified');
      expect(await helm.ok('verify', `${name}-${version}.tgz`, ...verify.slice(1))).toContain('Chart Hash Verified');
      const reference = `oci://${new URL(servers.second.server.url).host}/all/${name}`;
      const output = await helm.run('pull', reference, '--version', version, '--plain-http', ...verify);
      expect(output).toMatchObject({ code: 0, stdout: expect.stringContaining('Chart Hash Verified') as string });
    }
  });
});

/** Pulls each chart with its provenance from our registry and pushes it into another, both Helms by turns. */
async function carry(from: string, to: string, home: string): Promise<void> {
  const luggage = join(home, 'luggage');
  await mkdir(luggage);
  for (const [at, [name, version]] of charts.entries()) {
    const helm = await freshHelm(at % 2 === 0 ? 3 : 4);
    const wanted = ['--version', version, '--prov', '--plain-http', '--destination', luggage];
    await helm.ok('pull', `oci://${new URL(from).host}/all/${name}`, ...wanted);
    await helm.ok('push', join(luggage, `${name}-${version}.tgz`), `oci://${new URL(to).host}/charts`, '--plain-http');
    await helm.remove();
  }
}
