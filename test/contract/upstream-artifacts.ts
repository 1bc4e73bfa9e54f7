import { describe, expect, it } from 'vitest';

import type { SourceRef } from '../../src/chart/claim.ts';
import { digestOf, type Descriptor, type Digest } from '../../src/chart/digest.ts';
import { readAll } from '../../src/lib/bytes.ts';
import type { Artifacts, FoundArtifact, HeldManifest } from '../../src/upstream/contract.ts';
import { artifactOf, cosignTag, type TestArtifact } from '../support/artifacts.ts';
import { faultOf, never } from './upstream-fixture.ts';

/** An upstream under test with one chart, and what stands beside it. Ends with the test that opened it. */
export interface OpenedArtifacts {
  readonly artifacts: Artifacts;
  /** Of the chart, as its claim has it. */
  readonly source: SourceRef;
  readonly manifest: Digest;
  /** Puts something beside it, under a tag or by its `subject` alone. */
  attach(artifact: TestArtifact, tag?: string): Promise<void>;
  /** Takes it away again. */
  detach(artifact: TestArtifact): Promise<void>;
  /** Lets as much time pass as it may take until a change is seen: two minutes. */
  later(): Promise<void>;
  /** From now on nothing behind it answers, or only with failures. */
  fail(): Promise<void>;
}

/** Makes an upstream named `fixture` with one chart. */
export type ArtifactsFixture = () => Promise<OpenedArtifacts>;

interface Promised {
  readonly title: string;
  readonly check: (fixture: ArtifactsFixture) => Promise<void>;
}

/** Nothing is held. */
const nothing: HeldManifest = async () => undefined;

async function foundBeside({ artifacts, source, manifest }: OpenedArtifacts): Promise<readonly FoundArtifact[]> {
  const { artifacts: found, leftOut } = await artifacts.referringTo(source, manifest, nothing, never);
  expect(leftOut).toEqual([]);
  return found.toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
}

/** What is said of an artifact, in the order of `foundBeside`. */
function saidOf(all: readonly (readonly [artifact: TestArtifact, tag?: string])[]): readonly object[] {
  const said = all.map(([{ manifest, digest }, tag]) => ({ manifest, digest, tag }));
  return said.toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
}

const inShort = ({ manifest, digest, tag }: FoundArtifact): object => ({
  manifest: Buffer.from(manifest),
  digest,
  tag,
});

async function bytesOf({ artifacts, source }: OpenedArtifacts, part: Descriptor): Promise<Buffer | undefined> {
  const incoming = await artifacts.open(source, part, never);
  return incoming && (await readAll(incoming.body, 1e7));
}

/** One in every way there is, and one of another chart. */
async function everyWay(opened: OpenedArtifacts) {
  const { manifest } = opened;
  const all = [
    [artifactOf({ word: 'signature' }), cosignTag(manifest)],
    [artifactOf({ word: 'attestation' }), cosignTag(manifest, 'att')],
    [artifactOf({ word: 'bill of materials', subject: { digest: manifest } })],
    [
      artifactOf({
        word: 'notation',
        subject: { digest: manifest },
        artifactType: 'application/vnd.cncf.notary.signature',
      }),
    ],
  ] as const;
  for (const [artifact, tag] of all) await opened.attach(artifact, tag);
  await opened.later();
  const other = digestOf(Buffer.from('another chart'));
  await opened.attach(artifactOf({ word: 'of another', subject: { digest: other } }));
  await opened.attach(artifactOf({ word: 'of another, too' }), cosignTag(other));
  return all;
}

/** What every upstream promises that has artifacts, as checks that throw when it is broken. */
export const artifactPromises: readonly Promised[] = [
  {
    title: 'finds everything that refers to a chart, by subject and by tag, and nothing else',
    check: async (fixture) => {
      const opened = await fixture();
      expect(await foundBeside(opened)).toEqual([]);
      const all = await everyWay(opened);
      expect((await foundBeside(opened)).map(inShort)).toEqual(saidOf(all));
    },
  },
  {
    title: 'finds what refers to what it found',
    check: async (fixture) => {
      const opened = await fixture();
      const bill = artifactOf({ word: 'bill', subject: { digest: opened.manifest } });
      const signature = artifactOf({ word: 'of the bill', subject: bill });
      const tagged = artifactOf({ word: 'of the bill, by tag' });
      for (const one of [bill, signature]) await opened.attach(one);
      await opened.attach(tagged, cosignTag(bill.digest));
      const found = await foundBeside(opened);
      expect(found.map(inShort)).toEqual(saidOf([[bill], [signature], [tagged, cosignTag(bill.digest)]]));
      expect(found.find(({ digest }) => digest === signature.digest)?.subject).toBe(bill.digest);
    },
  },
  {
    title: 'opens the very bytes of every part, and says no for one that it does not have',
    check: async (fixture) => {
      const opened = await fixture();
      await everyWay(opened);
      for (const { manifest, mediaType, digest, blobs } of await foundBeside(opened)) {
        const own = { mediaType, digest, size: manifest.byteLength };
        expect(blobs).toHaveLength(2);
        for (const part of [own, ...blobs]) {
          const bytes = await bytesOf(opened, part);
          expect(bytes && digestOf(bytes)).toBe(part.digest);
        }
        const absent = digestOf(Buffer.from('not there'));
        expect(await bytesOf(opened, { ...own, digest: absent })).toBeUndefined();
        expect(await bytesOf(opened, { mediaType: 'some/thing', digest: absent, size: 9 })).toBeUndefined();
      }
    },
  },
  {
    title: 'finds no more what was taken away',
    check: async (fixture) => {
      const opened = await fixture();
      const all = await everyWay(opened);
      expect(await foundBeside(opened)).toHaveLength(all.length);
      for (const [artifact] of all.slice(1)) await opened.detach(artifact);
      expect((await foundBeside(opened)).map(inShort)).toEqual(saidOf(all.slice(0, 1)));
    },
  },
  {
    title: 'takes what is held for what it is',
    check: async (fixture) => {
      const opened = await fixture();
      const all = await everyWay(opened);
      const held = new Map<Digest, Uint8Array>(all.map(([{ manifest, digest }]) => [digest, Buffer.from(manifest)]));
      const { artifacts, source, manifest } = opened;
      const found = await artifacts.referringTo(source, manifest, async (digest) => held.get(digest), never);
      expect(found.artifacts).toHaveLength(all.length);
      for (const one of found.artifacts) expect(one.manifest).toBe(held.get(one.digest));
    },
  },
  {
    title: 'answers with a fault that names it when it fails: never with nothing',
    check: async (fixture) => {
      const opened = await fixture();
      await everyWay(opened);
      const [first] = await foundBeside(opened);
      await opened.fail();
      expect((await faultOf(foundBeside(opened))).message).toMatch(/^fixture: /);
      const [blob] = first?.blobs ?? [];
      expect((await faultOf(blob ? bytesOf(opened, blob) : Promise.resolve())).message).toMatch(/^fixture: /);
    },
  },
  {
    title: "ends with the signal's reason when it is told to",
    check: async (fixture) => {
      const { artifacts, source, manifest } = await fixture();
      const reason = new Error('enough');
      const looked = artifacts.referringTo(source, manifest, nothing, AbortSignal.abort(reason));
      await expect(looked).rejects.toBe(reason);
    },
  },
];

/** Runs every promise of the contract on one implementation. Call it at the top of a test file. */
export function describeArtifacts(name: string, fixture: ArtifactsFixture): void {
  describe(`${name}, as an upstream with artifacts,`, () => {
    it.each(artifactPromises)('$title', ({ check }) => check(fixture));
  });
}

/** One with every fault the contract forbids: it takes everything for the chart's, failure for nothing, and is not exact. */
export const brokenArtifacts: ArtifactsFixture = async () => {
  const all: TestArtifact[] = [];
  let isFailing = false;
  return {
    source: 'chart',
    manifest: digestOf(Buffer.from('manifest')),
    attach: async (artifact) => void all.push(artifact),
    detach: async () => undefined,
    later: async () => undefined,
    fail: async () => {
      isFailing = true;
    },
    artifacts: {
      referringTo: async () => ({
        artifacts: isFailing
          ? []
          : all.map(({ manifest, digest }) => ({
              manifest: Buffer.from(manifest),
              mediaType: 'any',
              digest,
              blobs: [],
            })),
        leftOut: [],
      }),
      open: async () => undefined,
    },
  };
};
