import { gzipSync } from 'node:zlib';

import { expect, test } from 'vitest';

import { memoryStore } from '../../../src/store/memory.ts';
import { hexDigest } from '../../support/charts.ts';
import { Audit } from './kills-audit.ts';
import { blobKey } from './kills-stores.ts';

const blob = Buffer.from('an archive');
const archive = { digest: `sha256:${hexDigest(blob)}`, size: blob.length };
const row = Buffer.from(`alpha\t1.0.0\t${JSON.stringify({ archive })}\n`);
const snapshot = `snapshots/sha256/${hexDigest(row)}.gz`;
const holding = 'holdings/nexus/alpha/1.0.0/first.json';

/** A store as a server leaves it. */
const sound: Readonly<Record<string, Buffer>> = {
  [blobKey(hexDigest(blob))]: blob,
  [holding]: Buffer.from(JSON.stringify({ archive })),
  'attachments/nexus/x.json': Buffer.from('{"provenance":"none"}'),
  [snapshot]: gzipSync(row),
  'state.json': Buffer.from(JSON.stringify({ upstreams: { nexus: { snapshot: `sha256:${hexDigest(row)}` } } })),
  'lease.json': Buffer.from('{"holder":null}'),
};

async function auditOf(changes: Readonly<Record<string, Buffer | undefined>>): Promise<void> {
  const store = memoryStore();
  for (const [key, bytes] of Object.entries({ ...sound, ...changes })) if (bytes) await store.write(key, bytes);
  await new Audit(store).pass();
}

test('an audit finds nothing in a sound store', async () => {
  await expect(auditOf({})).resolves.toBeUndefined();
});

test.each<readonly [string, Readonly<Record<string, Buffer | undefined>>, string]>([
  ['half a blob', { [blobKey(hexDigest(blob))]: blob.subarray(0, 4) }, 'does not hash to its name'],
  ['a blob that is not there', { [blobKey(hexDigest(blob))]: undefined }, 'which has no bytes'],
  ['half a record', { [holding]: Buffer.from('{"archive":') }, 'is no JSON'],
  ['half a table', { [snapshot]: gzipSync(row).subarray(0, 20) }, 'cannot be unpacked'],
  ['another table', { [snapshot]: gzipSync(Buffer.from('alpha\t1.0.0\t{}\n')) }, 'does not hash to its name'],
  ['a table that is not there', { [snapshot]: undefined }, 'which is not there'],
  ['half a state', { 'state.json': Buffer.from('{"upstreams":') }, 'state.json is no JSON'],
])('an audit finds %s', async (_, changes, finding) => {
  await expect(auditOf(changes)).rejects.toThrow(finding);
});
