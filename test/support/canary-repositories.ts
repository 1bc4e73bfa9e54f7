import { readFile } from 'node:fs/promises';

import { holds, newCanary } from './canaries.ts';
import { chartOf, lineOf, misbehaving, type CanaryPlace } from './canary-place.ts';
import { createCertificates } from './certificates.ts';
import { faultUpstream, type Script, type SeenRequest } from './fault-upstream.ts';
import { basicOf, fileAt, indexOf } from './products/shelf.ts';
import { temporaryFolder } from './temp.ts';

interface Secretive {
  readonly name: string;
  readonly canary: string;
  readonly options?: object;
  readonly isLetIn: (request: SeenRequest) => boolean;
  /** How its index names an archive: the file alone when absent. */
  readonly urlOf?: (file: string, origin: string) => string;
  /** Where it is, below its origin. */
  readonly path?: string;
}

/** A chart repository that lets in whom `isLetIn` is true of. */
async function repository(one: Secretive): Promise<CanaryPlace> {
  const { name, canary, options, isLetIn, urlOf = (file) => file, path = '' } = one;
  const shelf = await chartOf(name);
  const server = await faultUpstream({
    otherwise: (request): Script => {
      if (!isLetIn(request)) return { status: 401 };
      const [asked = ''] = request.target.split('?');
      if (asked.endsWith('/index.yaml'))
        return { body: indexOf(shelf, { urlOf: ({ file }) => urlOf(file, server.origin) }) };
      const body = fileAt(shelf, asked)?.body;
      return body === undefined ? { status: 404 } : { body };
    },
  });
  return {
    upstream: { name, url: server.origin + path, ...options },
    canaries: [canary],
    wasShown: () => holds(JSON.stringify(server.requests), canary),
    misbehave: misbehaving(server),
  };
}

/** Chart repositories, with a secret in each place that HTTP has for one. */
export async function repositoryPlaces(): Promise<readonly CanaryPlace[]> {
  const [password, token, header] = [newCanary(), newCanary(), newCanary()];
  const username = 'keeper';
  const bearsHeader = (name: string, value: string) => (request: SeenRequest) => request.headers[name] === value;
  return Promise.all([
    repository({
      ...{ name: 'basic', canary: password, options: { auth: { username, password } } },
      isLetIn: bearsHeader('authorization', basicOf(username, password)),
    }),
    repository({
      ...{ name: 'bearer', canary: token, options: { auth: { token } } },
      isLetIn: bearsHeader('authorization', `Bearer ${token}`),
    }),
    repository({
      ...{ name: 'header', canary: header, options: { auth: { headers: { 'X-Key': header } } } },
      isLetIn: bearsHeader('x-key', header),
    }),
    repository(askedWithQuery('query')),
    repository(belowToken('path')),
  ]);
}

/** The same secrets, where the index repeats them in the url of every archive. */
export async function repeatingPlaces(): Promise<readonly CanaryPlace[]> {
  const [asked, below] = [askedWithQuery('queries'), belowToken('paths')];
  return Promise.all([
    repository({ ...asked, urlOf: (file, origin) => `${origin}/${file}?token=${asked.canary}` }),
    repository({ ...below, urlOf: (file, origin) => `${origin}/${below.canary}/charts/${file}` }),
  ]);
}

function askedWithQuery(name: string): Secretive {
  const canary = newCanary();
  const query = `?token=${canary}`;
  return { name, canary, path: `/${query}`, isLetIn: ({ target }) => target.endsWith(query) };
}

/** As products make it up: with letters of both cases and digits. */
function belowToken(name: string): Secretive {
  const canary = `Canary9${newCanary()}`;
  return { name, canary, path: `/${canary}/charts`, isLetIn: ({ target }) => target.startsWith(`/${canary}/`) };
}

/** A bucket on a server of its own. Its secret is never sent, but signs. */
export async function bucketPlace(): Promise<CanaryPlace> {
  const secretAccessKey = newCanary();
  let signed = false;
  const isLetIn = ({ headers }: SeenRequest): boolean => {
    signed = headers.authorization?.startsWith('AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE') ?? false;
    return signed;
  };
  const place = await repository({ name: 'bucket', canary: secretAccessKey, isLetIn });
  const auth = { provider: 'aws', region: 'eu-central-1', accessKeyId: 'AKIAEXAMPLE', secretAccessKey };
  const upstream = { name: 'bucket', url: 's3://charts', endpoint: place.upstream['url'], auth };
  return { ...place, upstream, wasShown: () => signed };
}

/** A server whose certificate nobody knows, and the key of our own. */
export async function untrustedPlace(): Promise<CanaryPlace> {
  const [theirs, ours] = [await temporaryFolder(), await temporaryFolder()];
  const { certFile, keyFile } = await createCertificates(theirs);
  const own = await createCertificates(ours);
  const password = newCanary();
  const tls = { cert: await readFile(certFile, 'utf8'), key: await readFile(keyFile, 'utf8') };
  const server = await faultUpstream({ tls, otherwise: {} });
  const auth = { username: 'keeper', password };
  return {
    upstream: { name: 'untrusted', url: server.origin, auth, tls: { certFile: own.certFile, keyFile: own.keyFile } },
    canaries: [password, ...lineOf(await readFile(own.keyFile, 'utf8'))],
    // there must be no request at all
    wasShown: () => server.requests.length === 0,
    misbehave: misbehaving(server),
  };
}
