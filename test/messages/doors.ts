import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { chartArchive } from '../support/charts.ts';
import { fakeRegistry } from '../support/fake-registry.ts';
import { faultUpstream, type Script } from '../support/fault-upstream.ts';
import { demoRepository, indexOf, nexus } from './fixtures.ts';
import { openProgram, type Example, type Told } from './program.ts';

const nowhere = 'http://127.0.0.1:1';

/** The folder of the store becomes something that is none. */
async function ofLostStore(): Promise<Told> {
  const program = await nexus((await demoRepository()).origin);
  const store = join(program.folder, 'data');
  await rm(store, { recursive: true, force: true });
  await writeFile(store, '');
  return program.sync('nexus');
}

/** A sync is under way when the server stops. */
async function ofStopping(): Promise<Told> {
  const [arrived, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const repository = await faultUpstream();
  repository.on('/index.yaml', (): Script => {
    arrived.resolve();
    return { ...indexOf([]), hold: answered.promise };
  });
  const program = await nexus(repository.origin);
  const told = program.sync('nexus');
  await arrived.promise;
  await program.chartroom.close();
  answered.resolve();
  return told;
}

async function ofMissing(): Promise<Told> {
  const registry = await fakeRegistry();
  const archive = await chartArchive({ name: 'demo', version: '1.0.0' });
  registry.push('charts/demo', { name: 'demo', version: '1.0.0', archive });
  const url = `oci://${new URL(registry.origin).host}/charts`;
  const program = await nexus(url, { plainHTTP: true, charts: ['demo'] });
  await program.fill('nexus');
  return program.get('/charts/demo/demo-9.9.9.tgz');
}

/** The faults that are told at the doors, whatever the upstreams do. */
export const doors = {
  'store-failed': [
    {
      when: 'the store is gone',
      happens: ofLostStore,
      says: /^the store in \S+ could not write \S+: .*Check the path of the store, and take away what is not of it\.$/,
    },
  ],
  'not-found': [
    {
      when: 'no such upstream is configured',
      happens: async () => (await nexus(nowhere)).sync('nexsu'),
      says: 'There is no upstream nexsu. Configured are: nexus.',
    },
    {
      when: 'every upstream that could have a version says no',
      happens: ofMissing,
      status: 404,
      says: 'nexus, which provides demo here, has no version 9.9.9. Check the name and the version; helm search repo --versions lists what there is.',
    },
  ],
  'bad-request': [
    {
      when: 'a version in an address is none',
      happens: async () => (await nexus(nowhere)).post('/api/v1/upstreams/nexus/charts/demo/latest/accept'),
      says: 'The version in this address is not valid. A semantic version such as 1.2.3, of at most 128 characters.',
    },
    {
      when: 'a name in an address is none',
      happens: async () => (await nexus(nowhere)).get('/charts/%20demo/%20demo-1.0.0.tgz'),
      status: 400,
      says: /^The chart name in this address is not valid\. /,
    },
  ],
  denied: [
    {
      when: 'a change is asked for and no admin token is configured',
      happens: async () => {
        const settings = { upstreams: [{ name: 'nexus', url: nowhere }] };
        return (await openProgram(settings, { withoutAdminToken: true })).sync('nexus');
      },
      says: 'Changes are refused because no admin token is configured. Set server.adminToken and send it as a bearer token.',
    },
  ],
  unavailable: [
    {
      when: 'nothing was ever listed',
      happens: async () => (await nexus(nowhere)).get('/index.yaml'),
      status: 503,
      says: 'No upstream was ever listed yet, so there is no index to give. Wait for the first sync; GET /api/v1/status says what is in the way.',
    },
    {
      when: 'the server stops meanwhile',
      happens: ofStopping,
      says: 'The server is stopping. Ask another replica.',
    },
  ],
} satisfies Readonly<Record<string, readonly Example[]>>;
