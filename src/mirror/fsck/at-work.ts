import type { Clock } from '../../lib/clock.ts';
import type { ObjectStore } from '../../store/contract.ts';
import { leaseKey } from '../../store/layout.ts';
import { examine } from '../committing/examine.ts';

/** A holder that was silent for so long is taken for dead, as other servers do. */
const silenceMs = 30_000;
const lookMs = 2_000;

/**
 * Which of these upstreams a running server works for: they are in what the holder of the lease tells, and it renews that
 * while we look, half a minute at most. No clocks are compared. Servers that do not hold the lease tell nothing.
 */
export async function upstreamsAtWork(
  { store, clock, signal }: { readonly store: ObjectStore; readonly clock: Clock; readonly signal: AbortSignal },
  upstreams: readonly string[],
): Promise<readonly string[]> {
  const first = await readLease(store);
  for (let waitedMs = 0, lease = first; waitedMs < silenceMs; waitedMs += lookMs) {
    const named = upstreams.filter((name) => lease?.value?.names.has(name));
    // nobody, or a server that has taken a new configuration up by now
    if (named.length === 0) return [];
    if (lease?.etag !== first?.etag) return named;
    await clock.sleep(lookMs, signal);
    lease = await readLease(store);
  }
  return [];
}

/** One that is damaged, or that its holder gave back, tells nothing. */
function readLease(store: ObjectStore) {
  return examine(store, leaseKey, (value) => {
    const { holder, upstreams } = value as { readonly holder: unknown; readonly upstreams: object };
    return { names: new Set(holder ? Object.keys(upstreams) : []) };
  });
}
