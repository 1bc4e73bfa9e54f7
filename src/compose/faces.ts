import type { Log } from '../lib/log.ts';
import type { Engine } from '../mirror/engine.ts';
import { EngineExplainer } from '../mirror/explain.ts';
import { ImageReader } from '../mirror/images/image-reader.ts';
import type { EngineOperator } from '../mirror/operator.ts';
import { Documents } from '../mirror/reading/documents.ts';
import { EngineLibrary } from '../mirror/reading/library.ts';
import { Reader } from '../mirror/reading/reader.ts';
import type { ObjectStore } from '../store/contract.ts';
import type { FrontDoorParts } from './front-doors.ts';
import type { WorkerThread } from './parts.ts';
import { configsOn, documentsOn } from './threads.ts';

export interface FacesParts {
  readonly engine: Engine;
  readonly operator: EngineOperator;
  readonly store: ObjectStore;
  /** Looks into archives. */
  readonly archives: WorkerThread;
  readonly coldWaitMs: () => number;
  readonly log: Log;
}

/** Everything that the front doors ask. */
export type Faces = Omit<FrontDoorParts, 'version' | 'log' | 'clock'>;

/** What the front doors see of the engine. */
export function facesOf({ engine, operator, store, archives, coldWaitMs, log }: FacesParts): Faces {
  const reader = new Reader(engine, { coldWaitMs });
  const documents = new Documents({ store, mirror: reader, extract: documentsOn(archives), log });
  return {
    mirror: reader,
    provenances: reader,
    images: new ImageReader({ engine, reader, deriveConfig: configsOn(archives) }),
    operator,
    telemetry: operator,
    explainer: new EngineExplainer(engine),
    library: new EngineLibrary({ engine, mirror: reader, documents }),
  };
}
