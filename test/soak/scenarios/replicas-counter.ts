import { once } from 'node:events';
import { Agent, createServer, request as ask, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What stands before an S3 server and counts. */
export interface Counter {
  /** `http://127.0.0.1:<port>`, in place of the server's own. */
  readonly endpoint: string;
  /** Requests so far, by method and key, such as `HEAD state.json`. */
  readonly counts: ReadonlyMap<string, number>;
  /** Counts from nothing. */
  reset(): void;
  stop(): Promise<void>;
}

/** Starts one before the bucket of a server. Whoever starts it stops it. */
export async function startCounter(endpoint: string, bucket: string): Promise<Counter> {
  const counts = new Map<string, number>();
  const agent = new Agent({ keepAlive: true });
  const { hostname, port } = new URL(endpoint);
  const pass = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const { method = 'GET', url = '/', headers } = incoming;
    const key = url.replace(/\?.*/, '').replace(`/${bucket}/`, '');
    counts.set(`${method} ${key}`, (counts.get(`${method} ${key}`) ?? 0) + 1);
    // with the host it was signed for
    const passed = ask({ hostname, port, method, path: url, headers, agent }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    passed.on('error', () => outgoing.destroy());
    incoming.pipe(passed);
  };
  const server = createServer(pass).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    counts,
    reset: () => counts.clear(),
    stop: async () => {
      agent.destroy();
      server.close();
      server.closeAllConnections();
    },
  };
}
