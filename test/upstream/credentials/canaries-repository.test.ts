import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { systemClock } from '../../../src/lib/clock.ts';
import type { Log } from '../../../src/lib/log.ts';
import { Secret } from '../../../src/lib/secret.ts';
import type { Upstream } from '../../../src/upstream/contract.ts';
import type { Authorization } from '../../../src/upstream/credentials/authorization.ts';
import { headersAuthorization } from '../../../src/upstream/credentials/headers.ts';
import { passwordLogin, tokenLogin } from '../../../src/upstream/credentials/login.ts';
import { anonymous, preemptiveAuthorization } from '../../../src/upstream/credentials/preemptive.ts';
import { registryAuthorization } from '../../../src/upstream/credentials/registry.ts';
import { isTrusted, type Reach } from '../../../src/upstream/http/reach.ts';
import { ociOpener } from '../../../src/upstream/registry/oci-opener.ts';
import {
  certify,
  filled,
  follow,
  newCanary,
  openWorld,
  originAt,
  places,
  statuses,
  to,
  wayBack,
  type Way,
  type World,
} from '../../support/canaries.ts';
import type { Script, SeenRequest } from '../../support/fault-upstream.ts';
import { httpClientOf } from '../../support/http.ts';
import { repositoryUpstream } from '../../support/repository-upstream.ts';

/** How a credential is told to the home. */
const kinds = ['password', 'bearer token', 'own header', 'query'] as const;
type Kind = (typeof kinds)[number];

const upstream = 'nexus';
const folder = await mkdtemp(join(tmpdir(), 'chartroom-'));
const tls = await certify(folder);
afterAll(() => rm(folder, { recursive: true }));

function authorizationOf(kind: Kind, canary: string, reach: Reach): Authorization {
  const secret = Secret.of(canary);
  if (kind === 'query') return anonymous;
  if (kind === 'password') {
    return preemptiveAuthorization({ upstream, login: passwordLogin(upstream, Secret.of('reader'), secret) });
  }
  if (kind === 'bearer token') return preemptiveAuthorization({ upstream, login: tokenLogin(upstream, secret) });
  const headers = { 'X-JFrog-Art-Api': secret, Cookie: secret, 'PRIVATE-TOKEN': secret };
  return headersAuthorization({ upstream, headers, inner: anonymous, reach });
}

/** The repository at home, put together as the program does, with what it may be told. */
function repositoryAt({ home }: World, kind: Kind, canary: string, log: Log): Upstream {
  const reach: Reach = { trusted: [new URL(home.origin)], archiveHosts: [], allowPrivateNetwork: true };
  const access = { reach, log, upstream, tls: { caFile: tls.caFile } };
  const login = passwordLogin(upstream, Secret.of('reader'), Secret.of(canary));
  const openClient = (origin: URL) => {
    const own = isTrusted(reach, origin) ? login : undefined;
    const authorization = registryAuthorization({ upstream, reach, login: own, clock: systemClock });
    return httpClientOf(origin.href, { ...access, homes: [origin], authorization });
  };
  const registries = ociOpener({ upstream, plainHTTP: true, openClient, clock: systemClock });
  return repositoryUpstream(`${home.origin}/r${kind === 'query' ? `?token=${canary}` : ''}`, {
    name: upstream,
    openOci: (place, part, signal) => registries.open(place, part, signal),
    access: { ...access, authorization: authorizationOf(kind, canary, reach) },
  });
}

const indexOf = (...urls: readonly string[]): Script => ({
  body: `apiVersion: v1\nentries:\n  x:\n  - ${JSON.stringify({ apiVersion: 'v2', name: 'x', version: '1.0.0', urls })}\n`,
});

const redirects = statuses.flatMap((status): Way[] => [
  ...places.flatMap((place): Way[] => [
    {
      name: `the index redirects (${status}) to: ${place}`,
      lay: (world) => world.home.on('/r/index.yaml', to(`${originAt(world, place)}/index.yaml`, status)),
      strays: true,
    },
    {
      name: `the archive redirects (${status}) to: ${place}`,
      lay: (world) => {
        world.home.on('/r/index.yaml', indexOf('x.tgz'));
        for (const file of ['/x.tgz', '/x.tgz.prov']) {
          world.home.on(`/r${file}`, to(`${originAt(world, place)}${file}`, status));
        }
      },
      strays: true,
    },
  ]),
  {
    name: `the index redirects (${status}) away and back`,
    lay: ({ home, other }) => {
      home.on('/r/index.yaml', to(`${other.origin}/back`, status));
      other.on('/back', to(`${home.origin}${wayBack}`, status));
      home.on(wayBack, indexOf('x.tgz'));
    },
    strays: true,
  },
]);

const oddRedirects = (
  [
    ['//<other>/index.yaml', true],
    ['\\\\<other>\\index.yaml', true],
    ['HTTP://<other>/index.yaml', true],
    ['http:\\\\<other>/', true],
    ['http://<home>@<other>/index.yaml', true],
    ['http://reader:pass@<other>/index.yaml', true],
    ['http://<other>#@<home>/index.yaml', true],
    ['https://<home>/r/index.yaml', false],
    ['file:///etc/passwd', false],
    ['gopher://<other>/', false],
  ] as const
).map(([location, strays]): Way => {
  const lay = (world: World): void => world.home.on('/r/index.yaml', to(filled(world, location)));
  return { name: `the index redirects to ${location}`, lay, strays };
});

const urls = (
  [
    ['http://<other>/x.tgz', true],
    ['//<other>/x.tgz', true],
    ['///<other>/x.tgz', true],
    ['\\\\<other>\\x.tgz', true],
    ['/\\<other>/x.tgz', true],
    ['http:\\\\<other>\\x.tgz', true],
    ['http:///<other>/x.tgz', true],
    ['HTTP://<other>/x.tgz', true],
    ['http:/<other>/x.tgz', false],
    ['http:<other>/x.tgz', false],
    ['http://reader:pass@<other>/x.tgz', true],
    ['http://<home>@<other>/x.tgz', true],
    ['http://<home>%2F@<other>/x.tgz', true],
    ['http://<home>:80@<other>/x.tgz', true],
    ['http://<home>\\@<other>/x.tgz', false],
    ['http://<home>#@<other>/x.tgz', false],
    ['http://<other>#@<home>/x.tgz', true],
    ['http://<other>?@<home>/x.tgz', true],
    ['http://<other>\\@<home>/x.tgz', true],
    ['http://<alias>/x.tgz', true],
    ['http://LOCALHOST:<port>/x.tgz', true],
    ['https://<home>/x.tgz', false],
    ['https://<secure>/x.tgz', true],
    ['https://<home>@<secure>/x.tgz', true],
    ['oci://<other>/charts/x:1.0.0', true],
    ['oci://<alias>/charts/x:1.0.0', true],
    ['oci://reader:pass@<other>/charts/x:1.0.0', false],
    ['ftp://<other>/x.tgz', false],
    ['file:///etc/passwd', false],
    ['data:,x', false],
  ] as const
).map(([url, strays]): Way => {
  const lay = (world: World): void => world.home.on('/r/index.yaml', indexOf(filled(world, url), 'absent.tgz'));
  return { name: `an index names ${url}`, lay, strays };
});

const hints = ['location', 'content-location', 'refresh', 'link', 'alt-svc'].map((header): Way => {
  const lay = ({ home, other }: World): void => {
    const value = header === 'link' ? `<${other.origin}/x>; rel="next"` : `0; url=${other.origin}/x`;
    home.on('/r/index.yaml', { ...indexOf('x.tgz'), headers: { [header]: value } });
  };
  return { name: `the answer mentions a stranger in ${header}`, lay, strays: false };
});

const challenges = ['Basic realm="x"', 'Bearer realm="http://<other>/token"', 'Bearer realm="http://<home>/token"'].map(
  (challenge): Way => {
    const lay = (world: World): void => {
      world.home.on('/r/index.yaml', to(`${world.other.origin}/index.yaml`));
      world.other.on('/index.yaml', { status: 401, headers: { 'www-authenticate': filled(world, challenge) } });
    };
    return { name: `a stranger that it redirects to asks for ${challenge}`, lay, strays: true };
  },
);

const unfollowed = [300, 304, 305, 306].map((status): Way => {
  const lay = ({ home, other }: World): void => home.on('/r/index.yaml', to(`${other.origin}/index.yaml`, status));
  return { name: `the index is answered ${status} with a Location`, lay, strays: false };
});

describe('a credential of a chart repository stays at home when', () => {
  it.each([...redirects, ...oddRedirects, ...urls, ...hints, ...challenges, ...unfollowed])(
    '$name',
    async ({ lay, strays }) => {
      const world = await openWorld(tls);
      lay(world);
      for (const kind of kinds) {
        const canary = newCanary();
        const outcome = await follow(world, canary, (log) => repositoryAt(world, kind, canary, log));
        expect({ kind, ...outcome }).toEqual({ kind, leaks: [], told: [], strayed: strays, shown: true });
      }
    },
  );
});

describe('a credential of a chart repository with TLS stays at home when', () => {
  it.each(statuses.flatMap((status) => places.map((place) => ({ status, place }))))(
    'the index redirects ($status) to: $place',
    async ({ status, place }) => {
      const world = await openWorld(tls, true);
      world.home.on('/r/index.yaml', to(`${originAt(world, place)}/index.yaml`, status));
      for (const kind of kinds) {
        const canary = newCanary();
        const outcome = await follow(world, canary, (log) => repositoryAt(world, kind, canary, log));
        const strayed = place !== 'other';
        expect({ kind, ...outcome }).toEqual({ kind, leaks: [], told: [], strayed, shown: true });
      }
    },
  );
});

describe('a server that says what it was told', () => {
  const chunkedHead = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n';
  const heard = ({ target, headers }: SeenRequest): string => `${target} ${JSON.stringify(headers)}`;

  it.each<[string, (request: SeenRequest) => Script]>([
    ['in an error', (request) => ({ status: 500, body: heard(request) })],
    ['in a refusal', (request) => ({ status: 403, body: heard(request) })],
    ['in an index', (request) => ({ body: heard(request) })],
    ['in something that is not HTTP', (request) => ({ raw: `${heard(request)}\r\n\r\n` })],
    ['in a head that is cut off', (request) => ({ raw: `HTTP/1.1 200 OK\r\nx: ${heard(request)}` })],
    ['in a body that is not HTTP', (request) => ({ raw: `${chunkedHead}${heard(request)}` })],
    ['in a body that is cut off', (request) => ({ body: heard(request), cutAt: 300, framing: 'chunked' })],
    ['in the query of a redirect', (request) => to(`/r/next?${encodeURIComponent(heard(request))}`)],
  ])('%s is not repeated by us', async (_, script) => {
    const world = await openWorld(tls);
    world.home.all(script);
    for (const kind of kinds) {
      const canary = newCanary();
      const { told, shown } = await follow(world, canary, (log) => repositoryAt(world, kind, canary, log));
      expect({ kind, told, shown }).toEqual({ kind, told: [], shown: true });
    }
  });
});
