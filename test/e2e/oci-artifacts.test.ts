import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { digestOf, type Descriptor, type Digest } from '../../src/chart/digest.ts';
import { artifactOf, cosignTag, type TestArtifact } from '../support/artifacts.ts';
import { chartArchive } from '../support/charts.ts';
import { freshCrane } from '../support/crane.ts';
import { startDistribution } from '../support/distribution.ts';
import { ociClientOf, type OciClient } from '../support/oci-client.ts';
import { command, operate, writeConfig, type Operated } from '../support/operator.ts';
import { PushedArtifacts } from '../support/push-artifact.ts';
import { needsTools } from '../support/tools.ts';
import { eventually } from './client.ts';

const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const signatureKey = 'dev.cosignproject.cosign/signature';

/** What cosign signs, and how it says so (cosign's signature specification). */
function signatureOf(manifest: Digest): TestArtifact {
  const critical = { identity: { 'docker-reference': '' }, image: { 'docker-manifest-digest': manifest } };
  const word = JSON.stringify({ critical: { ...critical, type: 'cosign container image signature' }, optional: null });
  const plain = artifactOf({ word });
  const { layers } = JSON.parse(plain.manifest.toString()) as { readonly layers: readonly Descriptor[] };
  const signature = sign('sha256', Buffer.from(word), keys.privateKey).toString('base64');
  const annotations = { [signatureKey]: signature };
  return artifactOf({ word, fields: { layers: layers.map((layer) => ({ ...layer, annotations })) } });
}

/** A real registry with a chart that Helm pushed, what stands beside it, and our server once that registry is gone. */
describe.skipIf(needsTools('registry', 'helm4', 'crane'))('a chart whose registry is gone', () => {
  let home: string;
  let operated: Operated;
  let door: OciClient;
  let manifest: Digest;
  let signature: TestArtifact;
  let bill: TestArtifact;
  let ofBill: TestArtifact;

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'chartroom-artifacts-'));
    const registry = await startDistribution();
    const archive = join(home, 'demo-1.0.0.tgz');
    await writeFile(archive, await chartArchive({ name: 'demo', version: '1.0.0' }));
    await registry.push(archive, 'charts');
    const there = await ociClientOf(registry.url);
    manifest = await there.digest('charts/demo', '1.0.0');
    await there.close();
    signature = signatureOf(manifest);
    bill = artifactOf({ word: 'bill', subject: { digest: manifest }, artifactType: 'application/spdx+json' });
    ofBill = artifactOf({ word: 'of the bill', subject: bill });
    const pushed = new PushedArtifacts(`${registry.url}/v2/charts/demo`);
    await pushed.push(signature, cosignTag(manifest));
    for (const one of [bill, ofBill]) await pushed.push(one);
    const url = `oci://${new URL(registry.url).host}/charts`;
    const settings = { upstreams: [{ name: 'gone', url, charts: ['demo'], plainHTTP: true }] };
    const synced = await command(await writeConfig(home, settings), ['sync']);
    if (synced.code !== 0) throw new Error(synced.stderr);
    await registry.stop();
    operated = await operate(home, settings);
    await eventually(
      () => operated.get('/readyz'),
      ({ status }) => status === 200,
    );
    door = await ociClientOf(operated.server.url);
  });
  afterAll(async () => {
    await door?.close();
    await operated?.server.stop();
    if (home) await rm(home, { recursive: true, force: true });
  });

  test('has the signature that was made there, which verifies', async () => {
    const digest = await door.digest('all/demo', '1.0.0');
    const { bytes, content } = await door.manifest('all/demo', cosignTag(digest));
    expect(bytes).toEqual(signature.manifest);
    const [layer] = content.layers as readonly (Descriptor & { readonly annotations: Record<string, string> })[];
    const payload = await door.blob('all/demo', layer?.digest ?? '');
    const signed = Buffer.from(layer?.annotations[signatureKey] ?? '', 'base64');
    expect(verify('sha256', payload, keys.publicKey, signed)).toBe(true);
    expect(payload.toString()).toContain(digest);
    expect(digest).toBe(manifest);
  });

  test('has what refers to it, and what refers to that, verbatim with all parts', async () => {
    expect(await door.referrers('all/demo', manifest)).toMatchObject([
      { digest: bill.digest, size: bill.manifest.length, artifactType: 'application/spdx+json' },
    ]);
    expect(await door.referrers('all/demo', bill.digest)).toMatchObject([{ digest: ofBill.digest }]);
    for (const { digest, manifest: bytes, blobs } of [bill, ofBill]) {
      expect((await door.manifest('all/demo', digest)).bytes).toEqual(bytes);
      for (const blob of blobs) expect(await door.blob('all/demo', digestOf(blob))).toEqual(blob);
    }
  });

  test('does not list tags that something hangs on, and has none that it does not have', async () => {
    expect(await door.tags('all/demo')).toEqual(['1.0.0']);
    for (const tag of [cosignTag(manifest, 'att'), cosignTag(bill.digest), manifest.replace(':', '-')]) {
      expect((await door.ask(`/v2/all/demo/manifests/${tag}`)).status).toBe(404);
    }
  });

  test('is read by crane with its signature', async () => {
    const crane = await freshCrane();
    const name = `${new URL(operated.server.url).host}/all/demo`;
    expect(await crane.ok('digest', `${name}:${cosignTag(manifest)}`)).toBe(signature.digest);
    expect(await crane.ok('validate', '--remote', `${name}@${manifest}`)).toContain('PASS');
    await crane.remove();
  });
});
