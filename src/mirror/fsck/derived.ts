import type { Digest } from '../../chart/digest.ts';
import { parseDocuments, type ChartDocuments } from '../../formats/chart-documents.ts';
import type { ObjectStore } from '../../store/contract.ts';
import { derivedPlace, type DerivedPlace } from '../../store/layout.ts';
import { examine } from '../committing/examine.ts';
import { parseImage, type Image } from '../fetching/image.ts';
import { mapInOrder } from '../retention/ordered.ts';
import type { Needs } from './needs.ts';
import type { Problem } from './upstream.ts';

export interface DerivedParts {
  readonly store: ObjectStore;
  readonly signal: AbortSignal;
  /** Counts a record that was read: of which archive, and how large it is. */
  readonly count: (archive: Digest, bytes: number) => void;
  /** Knows what was told of images, and is told of those that are kept. */
  readonly needs: Needs;
}

const readsAtOnce = 8;
/** What a record of each kind is of, and when it is made again. */
const words: Readonly<Record<DerivedPlace['kind'], readonly [what: string, when: string]>> = {
  documents: ['what is in an archive for people to read', 'it is made again when somebody looks at the chart'],
  image: ['what an archive is in a registry', 'it is made again when somebody pulls the chart'],
};

/** Reads what was made of archives. */
export async function inspectDerived({ store, signal, count, needs }: DerivedParts): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  const read = mapInOrder(store.list('derived/'), readsAtOnce, async ({ key, size }) => {
    const place = derivedPlace(key);
    return { key, size, place, found: place && (await examine(store, key, parserOf(place, needs))) };
  });
  for await (const { key, size, place, found } of read) {
    signal.throwIfAborted();
    if (!place || !found) continue;
    count(place.archive, size);
    if (!found.value) problems.push(damaged(store, place, key, found.etag));
    else if ('names' in found.value) needs.addImage(place.archive, found.value.names);
  }
  return problems;
}

function parserOf(place: DerivedPlace, needs: Needs): (value: unknown) => Image | ChartDocuments {
  if (place.kind === 'documents') return parseDocuments;
  return (value) => {
    const { archive, provenance } = place;
    const image = parseImage(value, { digest: archive }, provenance && { digest: provenance });
    const expected = needs.imagesOf(archive).filter((one) => one.provenance === provenance);
    const isTold = expected.some(({ manifest }) => manifest.digest === image.names.manifest.digest);
    if (expected.length === 0 || isTold) return image;
    throw new Error('it is another image than was told');
  };
}

function damaged(store: ObjectStore, { kind }: DerivedPlace, key: string, etag: string): Problem {
  const [what, when] = words[kind];
  return {
    finding: {
      kind: 'damaged-record',
      what: `The record of ${what} is damaged (${key}).`,
      advice: `Run chartroom fsck --repair, which removes it: ${when}.`,
      harmless: false,
    },
    repair: async () => {
      if ((await store.head(key))?.etag === etag) await store.remove(key);
      return `It was removed; ${when}.`;
    },
  };
}
