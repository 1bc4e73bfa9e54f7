import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';

/** A process, as others can tell it apart, and those on its machine whether it is there still. */
export interface ProcessId {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
}

/** This one; with another `id` at every call. */
export function thisProcess(): ProcessId {
  return { id: randomUUID(), host: hostname(), pid: process.pid };
}

/** Whether a process of this machine is known to have ended. Nothing is known of those elsewhere. */
export function isGone({ host, pid }: ProcessId): boolean {
  if (host !== hostname()) return false;
  // an earlier process with the number of this one is not there any more
  if (pid === process.pid) return true;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
