import { closedPort } from '../support/http.ts';
import { openInternet, type Site } from '../support/internet.ts';
import { demoRepository, indexOf, demoRow, nexus, withIndex } from './fixtures.ts';
import { openProgram, type Example, type Told } from './program.ts';

const reach = /Check the address, the firewall and the proxy setting\.$/;
const later = 'It is tried again later; look at the server if it goes on.';

/** A sync of a host of the internet by its real name. */
async function ofHost(name: string, url: string, site: Site, more: object = {}, distrust = false): Promise<Told> {
  const internet = await openInternet({ [new URL(`https://${url.replace(/^[a-z]+:\/\//, '')}`).host]: site });
  const program = await openProgram({ upstreams: [{ name, url, ...more }] }, { internet, distrust });
  return program.sync(name);
}

const registryError = (code: string): string => JSON.stringify({ errors: [{ code, message: code.toLowerCase() }] });

/** ghcr.io gives a token to whoever asks, and takes it from nobody. */
const ghcrRefuses: Site = ({ path }) =>
  path === '/token'
    ? { body: '{"token":"t"}' }
    : {
        status: 401,
        headers: {
          'content-type': 'application/json',
          'www-authenticate':
            'Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:charts/podinfo:pull"',
        },
        body: registryError('UNAUTHORIZED'),
      };

async function ofLimit(): Promise<Told> {
  const repository = await demoRepository({ status: 429, headers: { 'retry-after': '40' } });
  const program = await nexus(repository.origin);
  await program.fill('nexus');
  await program.get('/charts/demo/demo-1.0.0.tgz');
  return program.get('/charts/demo/demo-1.0.0.tgz');
}

/** The faults of a server that is not there, not who it should be, or does not want us. */
export const reaching = {
  'upstream-unreachable': [
    {
      when: 'nobody listens there',
      happens: async () => (await nexus(`http://127.0.0.1:${await closedPort()}`)).sync('nexus'),
      says: new RegExp(`^nexus: no answer from 127\\.0\\.0\\.1:\\d+ \\(connection refused\\)\\. ${reach.source}`),
    },
    {
      when: 'there is no such host',
      happens: async () => (await nexus('http://podinfo.corp')).sync('nexus'),
      says: new RegExp(`^nexus: no answer from podinfo\\.corp:80 \\(no such host\\)\\. ${reach.source}`),
    },
  ],
  'tls-untrusted': [
    {
      when: 'nobody told us of the authority',
      happens: () => ofHost('nexus', 'https://nexus.corp', () => indexOf([demoRow()]), {}, true),
      says: 'nexus: the certificate of nexus.corp is signed by an authority we do not know. Set tls.caFile.',
    },
  ],
  'upstream-failed': [
    {
      when: 'the server fails',
      happens: () => ofHost('nexus', 'https://nexus.corp/repository/helm', () => ({ status: 500 })),
      says: `nexus: answered 500 Internal Server Error to GET /repository/helm/index.yaml. ${later}`,
    },
  ],
  unauthorized: [
    {
      when: 'a registry does not take the token it gave',
      happens: () =>
        ofHost('ghcr', 'oci://ghcr.io/charts', ghcrRefuses, {
          charts: ['podinfo'],
          auth: { username: 'me', password: 'canary' },
        }),
      // the registry's own word for it stands beside the status
      says: /^ghcr: the registry refused these credentials for charts\/podinfo \(401( UNAUTHORIZED)?\)\. Check auth; a token may have expired\./,
    },
    {
      when: 'a chart repository wants other credentials',
      happens: () => withIndex({ status: 401 }, { auth: { username: 'me', password: 'canary' } }),
      says: 'nexus: the server refused these credentials for GET /index.yaml (401). Check auth; a token may have expired.',
    },
    {
      when: 'a chart repository wants credentials and has been given none',
      happens: () => withIndex({ status: 401 }),
      says: 'nexus: the server asks for credentials for GET /index.yaml, and none are configured for it (401). Set auth.',
    },
  ],
  forbidden: [
    {
      when: 'the credentials may not read it',
      happens: () => withIndex({ status: 403 }),
      says: 'nexus: the server does not allow GET /index.yaml with these credentials (403). Check what these credentials may read, and whether the name is right.',
    },
  ],
  'rate-limited': [
    {
      when: 'the server asks for fewer requests',
      happens: () => withIndex({ status: 429, headers: { 'retry-after': '40' } }),
      says: 'nexus: the server asks for fewer requests, it answered 429 to GET /index.yaml. It is tried again when the server allows; credentials often raise the limit.',
    },
    {
      when: 'a client asks before the time that the server named',
      happens: ofLimit,
      status: 503,
      says: /^nexus: asked us to slow down, so nothing is asked of it before \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z\. What is held goes on being served\. /,
    },
  ],
} satisfies Readonly<Record<string, readonly Example[]>>;
