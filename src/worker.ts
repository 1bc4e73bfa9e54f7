import { Fault, plainFault } from './chart/fault.ts';
import { checkArchive, describeArchive, type ExpectedChart } from './formats/chart-archive.ts';
import { readIndexUnlessEqual, type IndexContents, type IndexDelivery, type PieceMemory } from './formats/index.ts';
import { joinChunks } from './lib/bytes.ts';
import { serveJobs } from './lib/thread.ts';
import { mirrorJobs } from './mirror/jobs.ts';

/** What each upstream's index said last, piece by piece. */
const pieces = new Map<string, PieceMemory>();

function memoryOf(upstream: string): PieceMemory {
  const memory = pieces.get(upstream) ?? new Map();
  pieces.set(upstream, memory);
  return memory;
}

/** Everything our threads can do. */
const jobs = {
  ...mirrorJobs,
  readIndex({ chunks, ...question }: IndexDelivery): IndexContents | 'unchanged' {
    const { bytes, free } = joinChunks(chunks);
    try {
      return readIndexUnlessEqual({ ...question, body: bytes }, memoryOf(question.upstream));
    } finally {
      free();
    }
  },
  describeArchive: (bytes: Uint8Array) => describeArchive(bytes),
  checkArchive({ bytes, expected }: { readonly bytes: Uint8Array; readonly expected: ExpectedChart }): void {
    checkArchive(bytes, expected);
  },
};

/** What `compose` may ask of a thread that runs this module. */
export type WorkerJobs = typeof jobs;

/** Large results move instead of being copied. */
function buffersOf(value: unknown): readonly ArrayBuffer[] {
  const parts = value instanceof Uint8Array ? [value] : Object.values(Object(value) as object);
  return parts
    .filter((part) => part instanceof Uint8Array)
    .filter((part) => part.buffer instanceof ArrayBuffer && part.byteLength === part.buffer.byteLength)
    .map((part) => part.buffer as ArrayBuffer);
}

serveJobs(jobs, (error) => (error instanceof Fault ? plainFault(error) : undefined), buffersOf);
