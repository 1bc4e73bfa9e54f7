import { describe, expect, test } from 'vitest';

import { digestOf, hexOf } from '../../src/chart/digest.ts';
import { chartArchive } from '../support/charts.ts';
import { openEngine, type EngineOptions } from '../support/engine.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { openDoors, type Answer } from './open-doors.ts';

/** The front doors over a real mirror. */
async function openHouse(options: EngineOptions) {
  const chartroom = await openEngine(options);
  const { reader, operator } = chartroom;
  const { ask } = await openDoors({ mirror: reader, provenances: reader, operator, telemetry: operator });
  return { chartroom, ask };
}

const textOf = ({ body }: Answer): string => body.toString();

function versionsIn(answer: Answer, chart = 'demo'): readonly string[] {
  const { entries } = JSON.parse(textOf(answer)) as {
    readonly entries: Record<string, { readonly version: string }[]>;
  };
  return (entries[chart] ?? []).map(({ version }) => version);
}

/** `stable` of both, without prereleases; `edge` of one; the same chart in both upstreams, with other bytes. */
async function stableAndEdge(root: 'stable' | 'edge' | 'none' = 'stable') {
  const [internal, bitnami] = [new FakeUpstream(), new FakeUpstream()];
  const own = await internal.publish('demo', '1.0.0');
  const other = await bitnami.publish('demo', '1.0.0', {
    archive: await chartArchive({ name: 'demo', version: '1.0.0', description: 'by bitnami' }),
  });
  await bitnami.publish('demo', '1.1.0-rc.1');
  await internal.publish('demo', '1.1.0-rc.2');
  const deny = [{ text: 'demo@<1', chart: 'demo', range: '<1' }];
  const house = await openHouse({
    upstreams: { internal, bitnami },
    repositories: {
      stable: { root: root === 'stable', prereleases: false, deny },
      edge: { root: root === 'edge', upstreams: ['bitnami'] },
    },
  });
  for (const name of ['internal', 'bitnami']) await house.chartroom.operator.sync(name);
  return { ...house, internal, bitnami, own: own.archive, other: other.archive };
}

describe('several repositories on one server', () => {
  test('answer each below its own name: with its own index, and its own bytes of the same chart', async () => {
    const { ask, own, other } = await stableAndEdge();
    const path = 'charts/demo/demo-1.0.0.tgz';

    expect(versionsIn(await ask('/stable/index.yaml'))).toEqual(['1.0.0']);
    expect(versionsIn(await ask('/edge/index.yaml'))).toEqual(['1.1.0-rc.1', '1.0.0']);
    // cold, and then warm
    for (let times = 0; times < 2; times += 1) {
      expect((await ask(`/stable/${path}`)).body).toEqual(own);
      expect((await ask(`/edge/${path}`)).body).toEqual(other);
      expect((await ask(`/${path}`)).body).toEqual(own);
    }
  });

  test('go by their own rules', async () => {
    const { ask } = await stableAndEdge();
    const path = 'charts/demo/demo-1.1.0-rc.1.tgz';

    expect((await ask(`/edge/${path}`)).status).toBe(200);
    for (const hidden of [`/stable/${path}`, `/${path}`]) {
      const answer = await ask(hidden);
      expect(answer.status).toBe(404);
      expect(textOf(answer)).toContain('is not offered in stable, because the repository offers no prereleases');
    }
    expect((await ask('/stable/charts/demo/demo-0.9.0.tgz')).status).toBe(403);
    expect((await ask('/edge/charts/demo/demo-0.9.0.tgz')).status).toBe(404);
  });

  test('share no tags: what one of them has is nothing that the other one knows', async () => {
    const { ask, own, other } = await stableAndEdge();
    const conditional = (bytes: Buffer | undefined) => ({
      headers: { 'if-none-match': `"${hexOf(digestOf(bytes ?? Buffer.of()))}"` },
    });
    const { etag } = (await ask('/edge/index.yaml')).headers;

    expect((await ask('/stable/index.yaml', { headers: { 'if-none-match': etag ?? '' } })).status).toBe(200);
    expect((await ask('/stable/charts/demo/demo-1.0.0.tgz', conditional(own))).status).toBe(304);
    expect((await ask('/stable/charts/demo/demo-1.0.0.tgz', conditional(other))).status).toBe(200);
  });

  test('answer at the root by the one that is it', async () => {
    const { ask } = await stableAndEdge('edge');
    expect((await ask('/index.yaml')).body).toEqual((await ask('/edge/index.yaml')).body);
  });

  test('say where they are when none is the root, and when one is asked for that is not there', async () => {
    const { ask } = await stableAndEdge('none');
    const say = async (paths: readonly string[], text: string): Promise<void> => {
      for (const path of paths) {
        const answer = await ask(path);
        expect(answer.status).toBe(404);
        expect(textOf(answer).trim()).toBe(text);
      }
    };
    await say(
      ['/index.yaml', '/charts/demo/demo-1.0.0.tgz'],
      'No repository answers at this address. Repositories answer at /stable/, /edge/.',
    );
    await say(
      ['/stabel/index.yaml', '/stabel/charts/demo/demo-1.0.0.tgz'],
      'There is no repository stabel here. Is stable meant? There are stable, edge.',
    );
    await say(['/a%0Ab/index.yaml'], 'There is no such repository here. There are stable, edge.');
    expect(textOf(await ask('/'))).not.toContain('helm repo add charts');
  });

  test.each([
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    'STABLE',
    'stable%00',
    '%73tables',
    'stable.',
    'all',
  ])('are none of them %s', async (name) => {
    const { ask } = await stableAndEdge();
    for (const path of ['index.yaml', 'charts/demo/demo-1.0.0.tgz', 'charts/demo/demo-1.0.0.tgz.prov']) {
      expect([400, 404]).toContain((await ask(`/${name}/${path}`)).status);
    }
  });

  test('are each 503 until one of their own upstreams was listed', async () => {
    const [first, second] = [new FakeUpstream(), new FakeUpstream()];
    await second.publish('demo', '1.0.0');
    const { chartroom, ask } = await openHouse({
      upstreams: { first, second },
      repositories: { early: { upstreams: ['first'] }, ready: { upstreams: ['second'] }, both: { root: true } },
    });
    await chartroom.operator.sync('second');

    const early = await ask('/early/index.yaml');
    expect(early.status).toBe(503);
    expect(early.headers['retry-after']).toBe('5');
    expect((await ask('/early/charts/demo/demo-1.0.0.tgz')).status).toBe(503);
    expect((await ask('/ready/index.yaml')).status).toBe(200);
    expect((await ask('/ready/charts/demo/demo-1.0.0.tgz')).status).toBe(200);
    expect(versionsIn(await ask('/index.yaml'))).toEqual(['1.0.0']);
  });

  test('come and go with the configuration', async () => {
    const { chartroom, ask, internal, bitnami } = await stableAndEdge();
    await ask('/edge/charts/demo/demo-1.0.0.tgz');
    const calls = internal.calls.length + bitnami.calls.length;
    await chartroom.reconfigure({ upstreams: { internal, bitnami }, repositories: { fresh: { root: true } } });

    expect((await ask('/edge/index.yaml')).status).toBe(404);
    expect((await ask('/edge/charts/demo/demo-1.0.0.tgz')).status).toBe(404);
    expect((await ask('/fresh/index.yaml')).body).toEqual((await ask('/index.yaml')).body);
    expect(internal.calls.length + bitnami.calls.length).toBe(calls);
  });
});

describe('the welcome page', () => {
  test('names each repository with the line to paste', async () => {
    const { ask } = await stableAndEdge();

    expect(textOf(await ask('/')).split('\n')).toEqual(
      expect.arrayContaining([
        '  helm repo add charts <this address>',
        '  helm repo add stable <this address>/stable',
        '  helm repo add edge <this address>/edge',
        '  helm pull oci://<this host>/<chart>',
        '  helm pull oci://<this host>/stable/<chart>',
        '  helm pull oci://<this host>/edge/<chart>',
      ]),
    );
  });

  test('of a repository names that one, at its address with and without a slash', async () => {
    const { ask } = await stableAndEdge();

    for (const path of ['/edge', '/edge/']) {
      const answer = await ask(path);
      expect(answer.status).toBe(200);
      expect(textOf(answer).match(/^  helm .*$/gm)).toEqual([
        '  helm repo add edge <address of this server>/edge',
        '  helm pull oci://<this host>/edge/<chart>',
      ]);
      expect((await ask(path, { method: 'HEAD' })).status).toBe(200);
      expect((await ask(path, { method: 'POST' })).status).toBe(405);
    }
    for (const path of ['/nobody', '/nobody/', '/stable/charts', '/stable/other/']) {
      expect(textOf(await ask(path))).toMatch(/^There is nothing at this address/);
    }
    const { ask: openly } = await openDoors({ publicUrl: 'https://charts.corp/helm' });
    expect(textOf(await openly('/all/'))).toContain('  helm repo add all https://charts.corp/helm/all\n');
  });

  test('names the address that clients know, where that was said', async () => {
    const { ask } = await openDoors({ publicUrl: 'https://charts.corp/helm' });

    expect(textOf(await ask('/'))).toContain('  helm repo add charts https://charts.corp/helm\n');
  });

  test.each([
    ['https://charts.corp', ['helm pull oci://charts.corp/<chart>']],
    ['http://charts.corp:8080', ['helm pull oci://charts.corp:8080/<chart> --plain-http']],
    // a registry is at the root of its host
    ['https://charts.corp/helm', []],
  ])('says of %s what a registry would be called there', async (publicUrl, lines) => {
    const { ask } = await openDoors({ publicUrl });

    expect(textOf(await ask('/')).match(/helm pull .*/g) ?? []).toEqual(lines);
  });
});
