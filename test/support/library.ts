import { readDocuments } from '../../src/formats/chart-documents.ts';
import type { OpenBytes } from '../../src/lib/bytes.ts';
import { openLog } from '../../src/lib/log.ts';
import type { VersionDetails } from '../../src/mirror/contract/library.ts';
import { Documents, type DocumentsParts } from '../../src/mirror/reading/documents.ts';
import { EngineLibrary } from '../../src/mirror/reading/library.ts';
import type { ObjectStore } from '../../src/store/contract.ts';
import { openEngine, watchedStore, type EngineOptions, type TestEngine } from './engine.ts';
import type { FakeUpstream } from './fake-upstream.ts';

/** A log that nobody reads. */
export const silent = openLog({ level: 'error', format: 'json' }, { write: () => undefined });

/** What is in archives, without a thread. */
export function documentsOf(store: ObjectStore, mirror: DocumentsParts['mirror']) {
  const taken: Uint8Array[] = [];
  const extract: DocumentsParts['extract'] = async (bytes) => {
    taken.push(bytes);
    return readDocuments(bytes);
  };
  return { documents: new Documents({ store, mirror, extract, log: silent }), taken };
}

/** What people read of what an engine serves. */
export function libraryOf({ engine, reader }: TestEngine, store: ObjectStore): EngineLibrary {
  return new EngineLibrary({ engine, mirror: reader, documents: documentsOf(store, reader).documents });
}

/** Where archives are opened. */
export function openerOf(body: () => OpenBytes['body'] | undefined) {
  const opened: string[] = [];
  const open: DocumentsParts['mirror']['open'] = (repository, digest) => {
    opened.push(`${repository} ${digest}`);
    const bytes = body();
    return bytes && { size: 0, total: 0, body: bytes };
  };
  return { mirror: { open }, opened };
}

/** The documents of a version; throws where there is a fault instead. */
export function shownOf({
  documents,
}: VersionDetails): Exclude<VersionDetails['documents'], { readonly fault: unknown }> {
  if ('fault' in documents) throw new Error(documents.fault.message);
  return documents;
}

/** What people read of one upstream that was synced. */
export async function openLibrary(upstream: FakeUpstream, more: Partial<EngineOptions> = {}) {
  const store = watchedStore();
  const world = await openEngine({ upstreams: { nexus: upstream }, store, ...more });
  await world.operator.sync('nexus');
  const library = libraryOf(world, store);
  const ref = (chart: string, version: string, repository = 'all') => ({ repository, chart, version });
  return { store, world, library, ref };
}
