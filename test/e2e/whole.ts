import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';

import { createCertificates, type Certificates } from '../support/certificates.ts';
import { startChartroom, type Chartroom } from '../support/chartroom.ts';
import { clientOf, eventually, type Client, type IndexRow } from './client.ts';
import { describeHelmJourney } from './helm-journey.ts';
import { startWorld, type World } from './world.ts';

/** A place to keep charts in. */
export interface StorePlace {
  /** The `store` of a configuration file. */
  readonly config: Readonly<Record<string, unknown>>;
  stop(): Promise<void>;
}

/**
 * The whole product over one kind of store: first over HTTP with every upstream there, then over HTTPS by a new
 * process with every upstream gone, and both times with both Helms. `startStore` is given a folder to work in.
 */
export function describeWhole(startStore: (folder: string) => Promise<StorePlace>): void {
  let world: World;
  let store: StorePlace;
  let certificates: Certificates;
  let server: Chartroom;
  let client: Client;
  let servedIndex: Buffer;
  let servedArchives: ReadonlyMap<string, string>;

  const start = async (tls?: Certificates) => {
    const config = join(world.folder, tls ? 'https.yaml' : 'http.yaml');
    const secure = tls && { tls: { certFile: tls.certFile, keyFile: tls.keyFile } };
    const text = stringify({
      server: { listen: '127.0.0.1:0', ...secure },
      store: store.config,
      upstreams: world.upstreams,
    });
    await writeFile(config, text);
    server = await startChartroom(config);
    client = await clientOf(server, tls?.caFile);
    await eventually(
      () => client.status('/readyz'),
      (status) => status === 200,
    );
  };
  const stop = async () => {
    await client.close();
    return server.stop();
  };

  beforeAll(async () => {
    world = await startWorld();
    store = await startStore(world.folder);
    certificates = await createCertificates(world.folder);
    await start();
    await eventually(
      () => client.index(),
      (index) => world.charts.every((chart) => lists(index, chart)),
    );
  });
  afterAll(async () => {
    await stop();
    await store.stop();
    await world.stop();
  });

  describe('over HTTP, with every upstream there,', () => {
    const journey = () => ({ world, url: server.url });
    describeHelmJourney(3, journey);
    describeHelmJourney(4, journey);

    test('fetches every archive that an upstream can deliver, and says its digest', async () => {
      const rows = await eventually(
        async () => deliverable(world, await client.index()),
        (all) => all.every((row) => row.digest !== undefined),
      );
      await eventually(heldVersions, (held) => held === rows.length);
      servedIndex = await client.get('/index.yaml');
      servedArchives = await digestsOf(client, rows);

      for (const row of rows) expect(servedArchives.get(row.urls[0])).toBe(row.digest);
    });

    const heldVersions = async () => {
      const { upstreams } = JSON.parse((await client.get('/api/v1/status')).toString()) as {
        readonly upstreams: readonly { readonly counts: { readonly held: number } }[];
      };
      return upstreams.reduce((sum, upstream) => sum + upstream.counts.held, 0);
    };
  });

  describe('restarted over HTTPS, with every upstream gone,', () => {
    beforeAll(async () => {
      expect(await stop()).toBe(0);
      await world.offline();
      await start(certificates);
    });

    test('serves the same index, byte for byte', async () => {
      expect((await client.get('/index.yaml')).equals(servedIndex)).toBe(true);
    });

    test('serves the same archives, byte for byte', async () => {
      const rows = [...(await client.index()).values()].flat().filter((row) => servedArchives.has(row.urls[0]));

      expect(await digestsOf(client, rows)).toEqual(servedArchives);
    });

    const journey = () => ({ world, url: server.url, caFile: certificates.caFile });
    describeHelmJourney(3, journey);
    describeHelmJourney(4, journey);
  });
}

function lists(index: ReadonlyMap<string, readonly IndexRow[]>, chart: World['charts'][number]): boolean {
  return index.get(chart.name)?.length === chart.versions.length;
}

/** The rows whose archives lie at an upstream. */
function deliverable(world: World, index: ReadonlyMap<string, readonly IndexRow[]>): IndexRow[] {
  const rows = world.charts.flatMap((chart) =>
    [...chart.archives.keys()].map((version) => index.get(chart.name)?.find((row) => row.version === version)),
  );
  return rows.filter((row) => row !== undefined);
}

/** What the archive at each url hashes to. */
async function digestsOf(client: Client, rows: readonly IndexRow[]): Promise<ReadonlyMap<string, string>> {
  const entries = await Promise.all(
    rows.map(
      async ({ urls: [url] }) =>
        [
          url,
          createHash('sha256')
            .update(await client.get(`/${url}`))
            .digest('hex'),
        ] as const,
    ),
  );
  return new Map(entries);
}
