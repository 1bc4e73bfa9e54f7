import type { Artifact } from '../../src/chart/attachments.ts';
import { digestOf } from '../../src/chart/digest.ts';
import type { KeptVersion } from '../../src/chart/holding.ts';
import { blobKey } from '../../src/store/layout.ts';
import type { TestArtifact } from '../support/artifacts.ts';
import { openEngine, watchedStore, type TestEngine } from '../support/engine.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';

/** A registry with one chart, of which everything is fetched ahead. */
export async function world(
  settings: { readonly maxArchiveBytes?: number; readonly mirror?: 'all' | 'requested' } = {},
) {
  const upstream = new FakeUpstream('registry');
  await upstream.publish('demo', '1.0.0');
  upstream.attach();
  const upstreams = { ghcr: { upstream, type: 'registry', mirror: 'all' as const, ...settings } };
  const store = watchedStore();
  const chartroom = await openEngine({ upstreams, store });
  const manifest = upstream.manifestOf('demo', '1.0.0');
  const sync = async (engine = chartroom): Promise<void> => {
    await engine.operator.sync('ghcr');
    await engine.operator.settled();
  };
  return { upstream, upstreams, store, chartroom, manifest, sync };
}

/** What is held of it. */
export function heldIn(chartroom: TestEngine, upstream = 'ghcr'): KeptVersion {
  const kept = chartroom.known(upstream).held('demo', '1.0.0');
  if (!kept) throw new Error('it is not held');
  return kept;
}

/** Which artifacts these are, and the tags that they hang on. */
export function wordsOf(artifacts: readonly Artifact[] | undefined): unknown {
  return artifacts?.map(({ manifest, tag }) => [manifest.digest, tag]);
}

/** Looks again, as somebody who asks. */
export async function lookAgain(chartroom: TestEngine): Promise<readonly Artifact[] | undefined> {
  const known = chartroom.known('ghcr');
  const version = known.catalog.find('demo', '1.0.0');
  if (!version) throw new Error('it is not listed');
  const { artifacts } = chartroom.engine.fetches;
  return (await artifacts.artifacts(known, version, heldIn(chartroom), 'request')).artifacts;
}

/** The keys of its parts. */
export const keysOfParts = ({ manifest, blobs }: TestArtifact) =>
  new Set([manifest, ...blobs].map((one) => blobKey(digestOf(one))));
