import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { onTestFinished } from 'vitest';

import { chartArchive, hexDigest } from '../support/charts.ts';

/** A chart repository on loopback that grows while it is served. */
export interface ChartServer {
  readonly url: string;
  /** Archives by path. */
  readonly archives: ReadonlyMap<string, Buffer>;
  /** What an archive's request waits for before it is answered. */
  hold: Promise<void> | undefined;
  publish(chart: string, version: string, kilobytes?: number): Promise<Buffer>;
  /** Has something else at a path, such as a provenance file. */
  put(path: string, bytes: Buffer): void;
  /** Resolves when somebody asked for a path. */
  asked(path: string): Promise<void>;
  count(path: string): number;
  /** From now on nobody answers. */
  offline(): Promise<void>;
}

/** Starts one; it ends with the test. */
export async function startChartServer(): Promise<ChartServer> {
  const archives = new Map<string, Buffer>();
  const rows = new Map<string, object[]>();
  const counts = new Map<string, number>();
  const waiting: { readonly path: string; readonly wake: () => void }[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    counts.set(path, (counts.get(path) ?? 0) + 1);
    for (const { wake } of waiting.filter((one) => one.path === path)) wake();
    if (path === '/index.yaml') {
      return void response.end(JSON.stringify({ apiVersion: 'v1', entries: Object.fromEntries(rows) }));
    }
    void Promise.resolve(chartServer.hold).then(() => {
      const archive = archives.get(path);
      response.writeHead(archive ? 200 : 404, { 'content-length': archive?.length ?? 0 }).end(archive);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const offline = async () => {
    server.closeAllConnections();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  onTestFinished(offline);
  const chartServer: ChartServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    archives,
    hold: undefined,
    publish: async (chart, version, kilobytes = 4) => {
      const filler = Array.from({ length: kilobytes * 16 }, (_, at) =>
        hexDigest(Buffer.from(`${chart}${version}${at}`)),
      );
      const archive = await chartArchive({ name: chart, version }, { 'files/filler.txt': filler.join('\n') });
      const path = `/${chart}-${version}.tgz`;
      archives.set(path, archive);
      const row = { apiVersion: 'v2', name: chart, version, urls: [path.slice(1)], digest: hexDigest(archive) };
      rows.set(chart, [...(rows.get(chart) ?? []), row]);
      return archive;
    },
    put: (path, bytes) => void archives.set(path, bytes),
    asked: (path) => new Promise((wake) => void waiting.push({ path, wake })),
    count: (path) => counts.get(path) ?? 0,
    offline,
  };
  return chartServer;
}
