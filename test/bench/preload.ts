import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

import type { ProbeAnswer, ProbeQuestion } from './server.ts';

/**
 * Loaded before the server with `--import`, this measures it from inside and changes nothing of it: how long its event
 * loop stood still, or how much time its main thread spent. Asked and answered over the child's own channel.
 */
const resolutionMs = 1;

/** Processor time of this thread alone: neither workers nor waiting count. */
function mainThreadMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

function install(): void {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  let startedMs = 0;
  const answer = (question: ProbeQuestion): ProbeAnswer => {
    if (question === 'stalls') {
      histogram.reset();
      histogram.enable();
    } else if (question === 'time') {
      startedMs = mainThreadMs();
    } else {
      histogram.disable();
    }
    return { maxStallMs: histogram.max / 1e6, mainThreadMs: mainThreadMs() - startedMs };
  };
  process.on('message', (question: ProbeQuestion) => process.send?.(answer(question)));
  // the channel must not keep a server alive that wants to end
  process.channel?.unref();
}

if (isMainThread && process.send) install();
