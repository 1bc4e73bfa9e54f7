import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { chartArchive } from '../support/charts.ts';
import { ociClientOf, type OciClient } from '../support/oci-client.ts';
import { operate, type Operated } from '../support/operator.ts';
import { needsTools } from '../support/tools.ts';
import { startVersitygw, type Versitygw } from '../support/versitygw.ts';
import { eventually } from './client.ts';

const charts = Array.from({ length: 20 }, (_, at) => `chart-${at + 1}`);

/** A folder of charts, every second one with a provenance file. */
async function pack(folder: string): Promise<void> {
  await mkdir(folder);
  for (const [at, name] of charts.entries()) {
    const file = join(folder, `${name}-1.0.0.tgz`);
    await writeFile(file, await chartArchive({ name, version: '1.0.0' }));
    if (at % 2 === 0) await writeFile(`${file}.prov`, `-----BEGIN PGP SIGNED MESSAGE-----\n\n${name}\n`);
  }
}

/** Each chart's name with what was told of it. */
async function ofEach<T>(tell: (name: string) => Promise<T>): Promise<Readonly<Record<string, T>>> {
  return Object.fromEntries(await Promise.all(charts.map(async (name) => [name, await tell(name)] as const)));
}

describe.skipIf(needsTools('versitygw'))('two servers on one bucket', () => {
  let home: string;
  let s3: Versitygw;
  let servers: Operated[];
  let digests: Readonly<Record<string, string>>;
  const settings = () => {
    const { endpoint, region, accessKeyId, secretAccessKey } = s3;
    const place = { bucket: 'charts', pathStyle: true, createBucket: true };
    return {
      store: { s3: { endpoint, region, accessKeyId, secretAccessKey, ...place } },
      upstreams: [{ name: 'here', url: `file://${join(home, 'here')}`, mirror: 'requested' }],
    };
  };
  const start = async (name: string) => {
    const operated = await operate(join(home, name), settings());
    servers.push(operated);
    await eventually(
      async () => (await operated.get('/all/index.yaml')).text,
      (text) => charts.every((chart) => text.includes(`${chart}-1.0.0.tgz`)),
    );
    return operated;
  };
  const asking = async <T>({ server }: Operated, ask: (client: OciClient) => Promise<T>) => {
    const client = await ociClientOf(server.url);
    try {
      return await ask(client);
    } finally {
      await client.close();
    }
  };

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'chartroom-replicas-'));
    await pack(join(home, 'here'));
    s3 = await startVersitygw(join(home, 's3'));
    servers = [];
    await start('one');
    await start('other');
  });
  afterAll(async () => {
    await Promise.all(servers.map(({ server }) => server.stop()));
    await s3.stop();
    await rm(home, { recursive: true, force: true });
  });

  test('tell one digest of each chart: what one told of a tag, the other opens at once', async () => {
    const [one, other] = servers as [Operated, Operated];
    await asking(one, (first) =>
      asking(other, async (second) => {
        digests = await ofEach(async (name) => {
          const digest = await first.digest(`all/${name}`, '1.0.0');
          const { content } = await second.manifest(`all/${name}`, digest);
          for (const blob of [content.config, ...content.layers]) await second.blob(`all/${name}`, blob.digest);
          return digest;
        });
        expect(await ofEach((name) => second.digest(name, '1.0.0'))).toEqual(digests);
        const layers = await ofEach(async (name) => (await second.manifest(name, '1.0.0')).content.layers.length);
        expect(Object.values(layers)).toEqual(charts.map((_, at) => (at % 2 === 0 ? 2 : 1)));
      }),
    );
  });

  test('tell one digest of a chart that both are asked for first, at the same time', async () => {
    await writeFile(join(home, 'here/both-1.0.0.tgz'), await chartArchive({ name: 'both', version: '1.0.0' }));
    const [one, other] = servers as [Operated, Operated];
    await one.sync('here');
    const told = await asking(one, (first) =>
      asking(other, (second) => Promise.all([first, second].map((door) => door.digest('both', '1.0.0')))),
    );

    expect(told[0]).toBe(told[1]);
  });

  test('and so does one that is started when they and every upstream are gone', async () => {
    expect(await Promise.all(servers.splice(0).map(({ server }) => server.stop()))).toEqual([0, 0]);
    await rm(join(home, 'here'), { recursive: true });
    await asking(await start('later'), async (client) => {
      expect(await ofEach((name) => client.digest(name, '1.0.0'))).toEqual(digests);
      for (const name of charts) {
        const { content } = await client.manifest(`all/${name}`, String(digests[name]));
        for (const blob of [content.config, ...content.layers]) await client.blob(`all/${name}`, blob.digest);
      }
    });
  });
});
