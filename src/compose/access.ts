import type { RemoteUpstreamConfig, UpstreamAuth } from '../config/config.ts';
import { readAll } from '../lib/bytes.ts';
import type { Clock } from '../lib/clock.ts';
import type { Authorization } from '../upstream/credentials/authorization.ts';
import { ecrApi, type EcrApi } from '../upstream/credentials/aws-ecr-listing.ts';
import { describedAws } from '../upstream/credentials/aws-keys.ts';
import { awsIdentity, ecrLogin, type AwsIdentitySource } from '../upstream/credentials/aws.ts';
import { azureLogin } from '../upstream/credentials/azure.ts';
import { dockerConfigLogin } from '../upstream/credentials/docker-config.ts';
import { googleBearer, googleLogin, googleTokens } from '../upstream/credentials/gcp.ts';
import { headersAuthorization } from '../upstream/credentials/headers.ts';
import { passwordLogin, tokenLogin, type LoginSource } from '../upstream/credentials/login.ts';
import { anonymous, preemptiveAuthorization } from '../upstream/credentials/preemptive.ts';
import { registryAuthorization } from '../upstream/credentials/registry.ts';
import type { HttpClient } from '../upstream/http/http.ts';
import { isTrusted, type Reach } from '../upstream/http/reach.ts';
import type { RegistryAddress } from '../upstream/registry/address.ts';

/** What credentials are made of. */
export interface AccessParts {
  readonly config: RemoteUpstreamConfig;
  readonly reach: Reach;
  readonly clock: Clock;
  /** Opens a client that presents nothing to an origin of the upstream's own. */
  readonly openAnonymous: (origin: URL) => HttpClient;
}

/** How a registry is authenticated to, and where the login comes from. */
export interface RegistryAccess {
  readonly authorization: Authorization;
  /** Absent: anonymous, or own headers. */
  readonly login: LoginSource | undefined;
}

/** Credentials go to trusted registries, and to no other that an index names. */
export function registryAccess(parts: AccessParts, address: RegistryAddress): RegistryAccess {
  const { config, reach, clock } = parts;
  const { name: upstream } = config;
  const auth = isTrusted(reach, address.origin) ? config.auth : undefined;
  const login = auth && registryLogin(parts, auth, address);
  const inner = registryAuthorization({ upstream, reach, login, clock });
  if (auth?.kind !== 'headers') return { authorization: inner, login };
  return { authorization: headersAuthorization({ upstream, headers: auth.headers, inner, reach }), login };
}

/** For servers that are told who we are with every request: chart repositories, and the buckets of Google. */
export function plainAccess({ config, reach, clock }: AccessParts): Authorization {
  const { auth, name: upstream, proxy } = config;
  switch (auth?.kind) {
    case 'password':
      return preemptiveAuthorization({ upstream, login: passwordLogin(upstream, auth.username, auth.password) });
    case 'token':
      return preemptiveAuthorization({ upstream, login: tokenLogin(upstream, auth.token) });
    case 'gcp':
      return preemptiveAuthorization({ upstream, login: googleBearer(googleTokens({ upstream, auth, clock, proxy })) });
    case 'headers':
      return headersAuthorization({ upstream, headers: auth.headers, inner: anonymous, reach });
    default:
      return anonymous;
  }
}

/** How a bucket is authenticated to. */
export interface BucketAccess {
  /** Signs requests to S3; absent where `authorization` says who we are. */
  readonly identity: AwsIdentitySource | undefined;
  readonly authorization: Authorization;
  /** In words. */
  readonly description: () => string;
}

/** Where a bucket is thought to be when nobody says; another region is learned from the first answer. */
export function bucketRegion({ auth }: RemoteUpstreamConfig): string {
  return (auth?.kind === 'aws' ? auth.region : undefined) ?? 'us-east-1';
}

/** Amazon's signature, Google's bearer token, or nothing for a public bucket. */
export function bucketAccess(parts: AccessParts): BucketAccess {
  const { config, clock } = parts;
  const { auth, name: upstream, proxy } = config;
  const authorization = plainAccess(parts);
  if (auth?.kind !== 'aws') return { identity: undefined, authorization, description: () => authorization.describe() };
  const identity = awsIdentity({ upstream, auth, region: bucketRegion(config), clock, proxy });
  return { identity, authorization, description: () => describedAws(auth) };
}

/** Amazon's own listing of a registry, where the configuration has an identity for it. */
export function ecrListing({ config, clock }: AccessParts, { origin: registry }: RegistryAddress): EcrApi | undefined {
  const { auth, name: upstream, proxy } = config;
  return auth?.kind === 'aws' ? ecrApi({ upstream, registry, auth, clock, proxy }) : undefined;
}

function registryLogin(
  parts: AccessParts,
  auth: UpstreamAuth,
  { origin: registry, path }: RegistryAddress,
): LoginSource | undefined {
  const { config, clock } = parts;
  const { name: upstream, proxy } = config;
  switch (auth.kind) {
    case 'password':
      return passwordLogin(upstream, auth.username, auth.password);
    case 'token':
      return tokenLogin(upstream, auth.token);
    case 'headers':
      return undefined;
    case 'docker-config':
      return dockerConfigLogin({ upstream, file: auth.file, allowHelpers: auth.allowHelpers, registry, path, clock });
    case 'aws':
      return ecrLogin({ upstream, registry, auth, clock, proxy });
    case 'gcp':
      return googleLogin(googleTokens({ upstream, auth, clock, proxy }), upstream, registry);
    case 'azure':
      return azureLogin({ upstream, registry, auth, clock, proxy, ask: askerOf(parts, registry) });
  }
}

const maxAnswerBytes = 64 * 1024;
/** Whoever waits for an answer here is not one request alone. */
const never = new AbortController().signal;

function askerOf({ openAnonymous }: AccessParts, registry: URL): Parameters<typeof azureLogin>[0]['ask'] {
  let http: HttpClient | undefined;
  return async ({ method, url, body }) => {
    http ??= openAnonymous(registry);
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await http.request({ method, url, body, headers, signal: never });
    return { status: answer.status, body: (await readAll(answer.body, maxAnswerBytes)).toString('utf8') };
  };
}
