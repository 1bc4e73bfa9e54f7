import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { systemClock } from '../../src/lib/clock.ts';
import { holds, newCanary } from './canaries.ts';
import { chartOf, lineOf, type CanaryPlace } from './canary-place.ts';
import { fakeAzure } from './cloud/entra.ts';
import { fakeGoogle } from './cloud/google.ts';
import { openInternet, type Internet, type Site } from './internet.ts';
import { acr } from './products/acr.ts';
import { ecr } from './products/ecr.ts';
import { RegistryShelf } from './products/registry-shelf.ts';
import { fileAt, indexOf } from './products/shelf.ts';
import { temporaryFolder } from './temp.ts';

/** Places by their real names, and who is behind a proxy with a password. */
export async function hostedPlaces(): Promise<{
  readonly places: readonly CanaryPlace[];
  readonly internet: Internet;
}> {
  let misdeed: Parameters<CanaryPlace['misbehave']> = [undefined];
  const [azure, google] = [fakeAzure(systemClock), fakeGoogle()];
  const [secretAccessKey, proxyPassword] = [newCanary(), newCanary()];
  const proxied = await chartOf('proxied');
  const sites: Readonly<Record<string, Site>> = {
    ...{
      ...acr(shelfOfOne('helm/azure'), { username: 'x', password: newCanary(), entra: azure }).sites,
      ...azure.sites,
    },
    ...ecr(shelfOfOne('charts/amazon'), { accessKeyId: 'AKIAEXAMPLE' }).sites,
    ...(await googleSites(google)),
    'proxied.corp': ({ path }) =>
      path === '/index.yaml'
        ? { body: indexOf(proxied, { urlOf: ({ file }) => file }) }
        : (fileAt(proxied, path) ?? { status: 404 }),
  };
  const wayward =
    (site: Site): Site =>
    (request) => {
      const [how, where = () => true] = misdeed;
      if (!how || !where(request.target)) return site(request);
      const { status = 200, headers = {}, body = '' } = how(request);
      return { status, headers, body };
    };
  const internet = await openInternet(
    Object.fromEntries(Object.entries(sites).map(([host, site]) => [host, wayward(site)])),
  );
  const misbehave: CanaryPlace['misbehave'] = (...how) => {
    misdeed = how;
  };
  const keyFile = join(await temporaryFolder(), 'key.json');
  await writeFile(keyFile, JSON.stringify(google.serviceAccount));
  const { tenantId, clientId, clientSecret } = azure;
  const told = (text: string): boolean => holds(JSON.stringify([internet.requests, internet.proxied]), text);
  const proxy = internet.proxy.replace('//', `//pilot:${proxyPassword}@`);
  const byProxy = { canaries: [proxyPassword], wasShown: () => told(proxyPassword), misbehave };
  const amazon = '123456789012.dkr.ecr.eu-central-1.amazonaws.com/charts';
  const [asAzure, asGoogle] = [
    { provider: 'azure', tenantId, clientId, clientSecret },
    { provider: 'gcp', keyFile },
  ];
  const asAmazon = { provider: 'aws', accessKeyId: 'AKIAEXAMPLE', secretAccessKey };
  return {
    internet,
    places: [
      place(
        'azure',
        { url: 'acme.azurecr.io/helm', charts: ['azure'], auth: asAzure },
        [clientSecret, 'canary-entra-1'],
        told,
        misbehave,
      ),
      place(
        'google',
        { url: 'gs://acme-charts', auth: asGoogle },
        ['canary-access-1', ...lineOf(google.serviceAccount['private_key'] ?? '')],
        told,
        misbehave,
      ),
      place(
        'amazon',
        { url: amazon, charts: ['amazon'], auth: asAmazon },
        ['ecr-password-first', secretAccessKey],
        told,
        misbehave,
      ),
      { upstream: { name: 'proxied', url: 'https://proxied.corp', proxy }, ...byProxy },
      { upstream: { name: 'beyond', url: 'https://beyond.corp', proxy }, ...byProxy },
    ],
  };
}

function place(
  name: string,
  options: object,
  canaries: readonly [first: string, ...string[]],
  told: (text: string) => boolean,
  misbehave: CanaryPlace['misbehave'],
): CanaryPlace {
  return { upstream: { name, ...options }, canaries, wasShown: () => told(canaries[0]), misbehave };
}

async function googleSites(google: ReturnType<typeof fakeGoogle>): Promise<Readonly<Record<string, Site>>> {
  const shelf = await chartOf('google');
  const storage: Site = ({ path, headers }) => {
    if (!headers.authorization?.startsWith('Bearer canary-access-')) return { status: 401 };
    return path.endsWith('/index.yaml')
      ? { body: indexOf(shelf, { urlOf: ({ file }) => file }) }
      : (fileAt(shelf, path) ?? { status: 404 });
  };
  return { ...google.sites, 'storage.googleapis.com': storage };
}

function shelfOfOne(repository: string): RegistryShelf {
  const shelf = new RegistryShelf();
  for (const version of ['1.0.0', '1.1.0']) shelf.push(repository, version);
  return shelf;
}
