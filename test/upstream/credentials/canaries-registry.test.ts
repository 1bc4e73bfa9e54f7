import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { digestOf } from '../../../src/chart/digest.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import type { Log } from '../../../src/lib/log.ts';
import { Secret } from '../../../src/lib/secret.ts';
import type { Upstream } from '../../../src/upstream/contract.ts';
import type { Authorization } from '../../../src/upstream/credentials/authorization.ts';
import { headersAuthorization } from '../../../src/upstream/credentials/headers.ts';
import { passwordLogin, tokenLogin, type LoginSource } from '../../../src/upstream/credentials/login.ts';
import { registryAuthorization } from '../../../src/upstream/credentials/registry.ts';
import type { Reach } from '../../../src/upstream/http/reach.ts';
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
import type { Answer, Script } from '../../support/fault-upstream.ts';
import { registryUpstream } from '../../support/registry-upstream.ts';

/** What is secret: a login, own headers, or the token that the home gives to anybody. */
const kinds = ['password', 'refresh token', 'bearer token', 'own header', 'given token'] as const;
type Kind = (typeof kinds)[number];

const upstream = 'nexus';
const folder = await mkdtemp(join(tmpdir(), 'chartroom-'));
const tls = await certify(folder);
afterAll(() => rm(folder, { recursive: true }));

function authorizationOf(kind: Kind, canary: string, reach: Reach): Authorization {
  const secret = Secret.of(canary);
  const identity: LoginSource = { description: 'x', login: async () => ({ kind: 'identity', token: canary }) };
  const logins: Readonly<Partial<Record<Kind, LoginSource>>> = {
    password: passwordLogin(upstream, Secret.of('reader'), secret),
    'refresh token': identity,
    'bearer token': tokenLogin(upstream, secret),
  };
  const inner = registryAuthorization({ upstream, reach, login: logins[kind], clock: systemClock });
  if (kind !== 'own header') return inner;
  return headersAuthorization({ upstream, headers: { 'PRIVATE-TOKEN': secret, Cookie: secret }, inner, reach });
}

const repository = '/v2/charts/x';
const tags = `${repository}/tags/list`;
const tagged = `${repository}/manifests/1.0.0`;
const config = Buffer.from('{"apiVersion":"v2","name":"x","version":"1.0.0"}');
const archive = Buffer.from('an archive');
const blob = (bytes: Buffer): string => `${repository}/blobs/${digestOf(bytes)}`;

const manifestWith = (layer: object = {}): string => {
  const file = (mediaType: string, bytes: Buffer) => ({ mediaType, digest: digestOf(bytes), size: bytes.length });
  return JSON.stringify({
    schemaVersion: 2,
    config: file('application/vnd.cncf.helm.config.v1+json', config),
    layers: [{ ...file('application/vnd.cncf.helm.chart.content.v1.tar+gzip', archive), ...layer }],
  });
};

/** What the home has for whoever shows a token or a password, and a challenge for everybody else. */
const guarded =
  (script: Script, challenge: string): Answer =>
  ({ headers }) =>
    headers.authorization ? script : { status: 401, headers: { 'www-authenticate': challenge } };

/** A registry that gives the canary as a token, if that is what is secret. */
function layHome(world: World, canary: string, kind: Kind): void {
  const { home } = world;
  const challenge = filled(world, 'Bearer realm="http://<home>/token",service="x"');
  const token = kind === 'given token' ? canary : 'harmless';
  home.on('/token', { body: JSON.stringify({ token, access_token: token, expires_in: 300 }) });
  home.on(tags, guarded({ body: '{"name":"charts/x","tags":["1.0.0"]}' }, challenge));
  home.on(blob(config), guarded({ body: config }, challenge));
  home.on(blob(archive), guarded({ body: archive }, challenge));
  layManifest(world, manifestWith());
}

function layManifest(world: World, manifest: string): void {
  const challenge = filled(world, 'Bearer realm="http://<home>/token"');
  const digest = digestOf(Buffer.from(manifest));
  const script = { headers: { 'docker-content-digest': digest }, body: manifest };
  for (const reference of ['1.0.0', digest]) {
    world.home.on(`${repository}/manifests/${reference}`, guarded(script, challenge));
  }
}

function registryAt({ home }: World, kind: Kind, canary: string, log: Log): Upstream {
  const reach: Reach = { trusted: [new URL(home.origin)], archiveHosts: [], allowPrivateNetwork: true };
  const authorization = authorizationOf(kind, canary, reach);
  const access = { authorization, log, reach, tls: { caFile: tls.caFile } };
  return registryUpstream(home.origin, 'charts', { name: upstream, charts: ['x'], access });
}

/** Whoever has a login does not ask strangers for a token; others ask them for an anonymous one. */
interface RegistryWay extends Omit<Way, 'strays'> {
  readonly strays: boolean | 'without a login';
}

function straysWith(kind: Kind, strays: RegistryWay['strays']): boolean {
  return strays === 'without a login' ? kind === 'own header' || kind === 'given token' : strays;
}

const realms = (
  [
    ['Bearer realm="http://<other>/token"', 'without a login'],
    ['Bearer realm="https://<secure>/token"', 'without a login'],
    ['Bearer realm="http://<alias>/token"', 'without a login'],
    ['Bearer realm="http://<home>@<other>/token"', 'without a login'],
    ['Bearer realm="http://reader:pass@<other>/token"', 'without a login'],
    ['BEARER REALM="HTTP://<other>/token"', 'without a login'],
    ['bearer realm=http://<other>/token', 'without a login'],
    ['Bearer realm="http:\\\\\\\\<other>/token"', 'without a login'],
    ['Bearer realm="http://<other>#@<home>/token"', 'without a login'],
    ['Bearer realm="http://<other>?@<home>/token"', 'without a login'],
    ['Bearer realm="http://<other>/token",realm="http://<home>/token"', 'without a login'],
    ['Bearer realm="http://<other>/token", Bearer realm="http://<home>/token"', 'without a login'],
    ['Bearer realm="http://<other>/token", Basic realm="x"', 'without a login'],
    ['Bearer realm="http://<home>/token", Bearer realm="http://<other>/token"', false],
    ['Bearer realm="http://<home>/token",service="http://<other>/",scope="http://<other>/"', false],
    ['Bearer realm="http://<home>/token",error_uri="http://<other>/"', false],
    ['Basic realm="http://<other>/"', false],
    ['Bearer realm="//<other>/token"', false],
    ['Bearer realm="file:///etc/passwd"', false],
    ['Bearer realm="https://<home>/token"', false],
  ] as const
).map(([challenge, strays]): RegistryWay => {
  const lay = (world: World): void => world.home.on(tags, guarded({ body: '{"tags":[]}' }, filled(world, challenge)));
  return { name: `it asks for ${challenge}`, lay, strays };
});

const redirects = statuses.flatMap((status): RegistryWay[] => [
  ...places.flatMap((place): RegistryWay[] => [
    {
      name: `its token service redirects (${status}) to: ${place}`,
      lay: (world) => world.home.on('/token', to(`${originAt(world, place)}/token`, status)),
      strays: 'without a login',
    },
    {
      name: `a blob redirects (${status}) to: ${place}`,
      lay: (world) => world.home.on(blob(archive), to(`${originAt(world, place)}/blob?signature=x`, status)),
      strays: true,
    },
  ]),
  {
    name: `tags redirect (${status}) to another server`,
    lay: ({ home, other }) => home.on(tags, to(`${other.origin}${tags}`, status)),
    strays: true,
  },
  {
    name: `a manifest redirects (${status}) to another server`,
    lay: ({ home, other }) => home.on(tagged, to(`${other.origin}${tagged}`, status)),
    strays: true,
  },
  {
    name: `a blob redirects (${status}) away and back`,
    lay: ({ home, other }) => {
      home.on(blob(archive), to(`${other.origin}/back`, status));
      other.on('/back', to(`${home.origin}${wayBack}`, status));
      home.on(wayBack, { body: archive });
    },
    strays: true,
  },
]);

const links = [
  'http://<other>',
  '//<other>',
  '\\\\<other>',
  'http://<alias>',
  'https://<secure>',
  'http://<home>@<other>',
];
const pages = links.map((link): RegistryWay => {
  const lay = (world: World): void => {
    const headers = { link: `<${filled(world, link)}${tags}?last=1.0.0&n=1>; rel="next"` };
    const first = guarded({ headers, body: '{"tags":["1.0.0"]}' }, filled(world, 'Bearer realm="http://<home>/token"'));
    world.home.on(tags, first, first, { body: '{"tags":["2.0.0"]}' });
  };
  return { name: `the next page of its tags is at ${link}`, lay, strays: false };
});

const hints = ['location', 'content-location', 'refresh', 'alt-svc'].map((header): RegistryWay => {
  const lay = ({ home, other }: World): void =>
    home.on(tags, { headers: { [header]: `${other.origin}/x` }, body: '{"tags":["1.0.0"]}' });
  return { name: `an answer mentions a stranger in ${header}`, lay, strays: false };
});

const challenges = ['Basic realm="x"', 'Bearer realm="http://<other>/token"', 'Bearer realm="http://<home>/token"'].map(
  (challenge): RegistryWay => {
    const lay = (world: World): void => {
      world.home.on(blob(archive), to(`${world.other.origin}/blob`));
      world.other.on('/blob', { status: 401, headers: { 'www-authenticate': filled(world, challenge) } });
    };
    return { name: `a stranger that a blob redirects to asks for ${challenge}`, lay, strays: true };
  },
);

const foreignLayer: RegistryWay = {
  name: 'a manifest says that its layer is elsewhere',
  lay: (world) => layManifest(world, manifestWith({ urls: [`${world.other.origin}/layer`] })),
  strays: false,
};

describe('a credential of a registry stays at home when', () => {
  it.each([...realms, ...redirects, ...pages, ...hints, ...challenges, foreignLayer])('$name', async (way) => {
    const shown = new Set<boolean>();
    const world = await openWorld(tls);
    for (const kind of kinds) {
      const canary = newCanary();
      layHome(world, canary, kind);
      way.lay(world);
      const outcome = await follow(world, canary, (log) => registryAt(world, kind, canary, log));
      shown.add(outcome.shown);
      const strayed = straysWith(kind, way.strays);
      expect({ kind, ...outcome }).toEqual({ kind, leaks: [], told: [], strayed, shown: outcome.shown });
    }
    // whoever is asked for a token by a stranger shows nothing at all; some are never asked
    expect(shown).toContain(true);
  });
});
