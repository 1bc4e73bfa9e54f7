import { Fault, plainFault } from './chart/fault.ts';
import type { Judgement } from './chart/verdict.ts';
import { checkArchive, describeArchive, type ExpectedChart } from './formats/chart-archive.ts';
import { readDocuments, type ChartDocuments } from './formats/chart-documents.ts';
import { deriveConfig } from './formats/derived-image.ts';
import { RenderingMemory } from './formats/index-memory.ts';
import {
  readIndexUnlessEqual,
  type IndexContents,
  type IndexDelivery,
  type PieceMemory,
  type UnchangedIndex,
} from './formats/index.ts';
import { Keyrings } from './formats/keyring.ts';
import { judgeProvenance, type ProvenanceParts } from './formats/provenance.ts';
import { Gathering, type Batch } from './lib/gathering.ts';
import { serveJobs } from './lib/thread.ts';
import { mirrorJobs } from './mirror/jobs.ts';

/** What each upstream's index said last, piece by piece. */
const pieces = new Map<string, PieceMemory>();

function memoryOf(upstream: string): PieceMemory {
  const memory = pieces.get(upstream) ?? new Map();
  pieces.set(upstream, memory);
  return memory;
}

/** What the indexes of all repositories were made of last. */
const rendered = new RenderingMemory();

const keyrings = new Keyrings();

/** No index may be as large. */
const maxBodyBytes = 2 ** 31;
const bodies = new Gathering(maxBodyBytes);

/** Batches are lost with the thread that had them. */
function lostBody(upstream: string): Fault {
  const message = `${upstream}: the thread that reads index.yaml ended while it arrived.`;
  return new Fault('unavailable', message, 'It is listed again soon.');
}

/** Everything our threads can do. */
const jobs = {
  ...mirrorJobs,
  render: (input: Parameters<typeof mirrorJobs.render>[0]) => mirrorJobs.render(input, rendered),
  gather: (batch: Batch) => bodies.add(batch),
  drop: (id: string) => bodies.drop(id),
  readIndex({ id, size, ...question }: IndexDelivery): IndexContents | UnchangedIndex {
    try {
      const body = bodies.body(id, size);
      if (!body) throw lostBody(question.upstream);
      return readIndexUnlessEqual({ ...question, body }, memoryOf(question.upstream));
    } finally {
      bodies.drop(id);
    }
  },
  describeArchive: (bytes: Uint8Array) => describeArchive(bytes),
  checkArchive({ bytes, expected }: { readonly bytes: Uint8Array; readonly expected: ExpectedChart }): void {
    checkArchive(bytes, expected);
  },
  readDocuments: (bytes: Uint8Array): ChartDocuments => readDocuments(bytes),
  deriveConfig: (bytes: Uint8Array): string => deriveConfig(bytes),
  judgeProvenance: (parts: ProvenanceParts): Promise<Judgement> => judgeProvenance(parts, keyrings),
};

/** What `compose` may ask of a thread that runs this module. */
export type WorkerJobs = typeof jobs;

/** Large results move instead of being copied. */
function buffersOf(value: unknown): readonly ArrayBuffer[] {
  const { index } = Object(value) as { readonly index?: unknown };
  const parts = value instanceof Uint8Array ? [value] : [value, index].flatMap(partsOf);
  return parts
    .filter((part) => part instanceof Uint8Array)
    .filter((part) => part.buffer instanceof ArrayBuffer && part.byteLength === part.buffer.byteLength)
    .map((part) => part.buffer as ArrayBuffer);
}

function partsOf(value: unknown): readonly unknown[] {
  return Object.values(Object(value) as object).flat();
}

serveJobs(jobs, (error) => (error instanceof Fault ? plainFault(error) : undefined), buffersOf);
