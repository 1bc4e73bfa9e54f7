import { request, Agent } from 'node:http';

import type { Served } from './server.ts';

/** Requests while something else is measured. */
export interface Traffic {
  /** How many were answered as they should be so far. */
  answered(): number;
  /** Ends it. Rejects when an answer was wrong. */
  stop(): Promise<void>;
}

const tickMs = 10;
const answers = new Set([200, 304]);

/**
 * Asks for `perSecond` paths a second, one after the other, whether or not the last ones were answered. An index that is
 * known already is not fetched again.
 */
export function startTraffic({ url }: Served, paths: readonly string[], perSecond: number): Traffic {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const tags = new Map<string, string>();
  const under = new Set<Promise<void>>();
  let problem: Error | undefined;
  let answered = 0;
  let asked = 0;
  const ask = (path: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const tag = tags.get(path);
      const headers = { 'accept-encoding': 'gzip', ...(tag && { 'if-none-match': tag }) };
      const asking = request(`${url}${path}`, { agent, headers }, (answer) => {
        if (!answers.has(answer.statusCode ?? 0)) reject(new Error(`${path} answered ${answer.statusCode}`));
        if (path.endsWith('.yaml')) tags.set(path, answer.headers.etag ?? '');
        answer
          .resume()
          .once('end', () => resolve())
          .once('error', reject);
      });
      asking.once('error', reject).end();
    });
  const startedMs = performance.now();
  const timer = setInterval(() => {
    for (; asked < ((performance.now() - startedMs) / 1000) * perSecond; asked += 1) {
      const asking = ask(paths[asked % paths.length] ?? '/').then(
        () => void (answered += 1),
        (error: Error) => void (problem ??= error),
      );
      under.add(asking);
      void asking.finally(() => under.delete(asking));
    }
  }, tickMs);
  return {
    answered: () => answered,
    stop: async () => {
      clearInterval(timer);
      await Promise.all(under);
      agent.destroy();
      if (problem) throw problem;
    },
  };
}
