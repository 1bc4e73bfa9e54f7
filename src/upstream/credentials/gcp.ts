import { readFile } from 'node:fs/promises';
import { Agent } from 'node:http';

import type { GoogleAuth } from 'google-auth-library';

import { Fault } from '../../chart/fault.ts';
import type { Clock } from '../../lib/clock.ts';
import { Renewing, type Made } from '../../lib/renewing.ts';
import type { ProxySettings } from '../http/proxy.ts';
import { calling, openWayOut, type CloudCaller } from './cloud-calls.ts';
import { assertHarmless, type GoogleKey } from './gcp-key-file.ts';
import type { LoginSource } from './login.ts';

interface GoogleOptions {
  readonly upstream: string;
  readonly auth: {
    /** Absolute; absent for the ambient identity. */
    readonly keyFile?: string | undefined;
  };
  readonly clock: Clock;
  readonly proxy: ProxySettings;
}

/** Access tokens of one identity. */
export interface GoogleTokens {
  /** One that is good now, other than `refused` where there is another. Faults with 'unauthorized' when none can be had. */
  token(refused?: string): Promise<string>;
  /** For people, without secrets. */
  readonly description: string;
}

/** Enough to read packages and objects, and no more: Artifact Registry and Cloud Storage both take it. */
const scopes = ['https://www.googleapis.com/auth/cloud-platform.read-only'];

/**
 * Tokens of the key file, or of what the official library finds in the environment (GOOGLE_APPLICATION_CREDENTIALS,
 * gcloud's own file, the metadata service), renewed at 80 % of their hour. Files are read anew each time. The library
 * is loaded at first use; Google is asked as `proxy` says, the metadata service directly.
 */
export function googleTokens(options: GoogleOptions): GoogleTokens {
  const { upstream, auth, clock } = options;
  const advice = auth.keyFile
    ? 'Check keyFile; the key may be revoked.'
    : 'Set keyFile, or check the identity of the machine.';
  const caller: CloudCaller = { upstream, cloud: 'Google', advice, clock };
  const tokens = new Renewing(() => calling(caller, (signal) => freshToken(options, signal)), clock);
  return {
    description: auth.keyFile ? 'Google key file' : 'Google identity of the environment',
    token: async (refused) => {
      if (refused !== undefined) tokens.drop(refused);
      return await tokens.get();
    },
  };
}

const registryHost = /^(?:(?:[a-z0-9-]+\.)?gcr\.io|[a-z0-9-]+-docker\.pkg\.dev)$/;

/**
 * For a registry: user name and password, the latter an access token. Faults with 'unauthorized' for a host other than
 * `*-docker.pkg.dev` and `[*.]gcr.io`, since whoever has the token may read all that we may.
 */
export function googleLogin(tokens: GoogleTokens, upstream: string, { host }: URL): LoginSource {
  return {
    description: tokens.description,
    login: async (refused) => {
      if (!registryHost.test(host)) {
        const message = `${upstream}: ${host} is no registry of Google's, so it is not told who we are to Google.`;
        throw new Fault('unauthorized', message, 'Check the url, or set username and password instead of provider.');
      }
      const password = await tokens.token(refused?.kind === 'password' ? refused.password : undefined);
      return { kind: 'password', username: 'oauth2accesstoken', password };
    },
  };
}

/** For Google's own APIs and Cloud Storage: a bearer token. */
export function googleBearer(tokens: GoogleTokens): LoginSource {
  return {
    description: tokens.description,
    login: async (refused) => ({
      kind: 'bearer',
      token: await tokens.token(refused?.kind === 'bearer' ? refused.token : undefined),
    }),
  };
}

async function freshToken({ upstream, auth, proxy }: GoogleOptions, signal: AbortSignal): Promise<Made<string>> {
  const { GoogleAuth, gaxios, gcpMetadata } = await import('google-auth-library');
  const direct = new Agent();
  // what the metadata service is asked through, which would take HTTP_PROXY otherwise
  gaxios.instance.defaults.agent = direct;
  // that it was not there once is not for ever
  gcpMetadata.resetIsAvailableCache();
  const key = auth.keyFile === undefined ? undefined : await readKey(upstream, auth.keyFile);
  const agent = await openWayOut(upstream, proxy, signal);
  const google = new GoogleAuth({ scopes, ...(key && { credentials: key }), projectId: notAsked });
  leaveThrough(google, (url) => (url.protocol === 'https:' ? agent : direct));
  const client = await google.getClient();
  if (google.jsonContent) assertHarmless(upstream, google.jsonContent as GoogleKey);
  const { token } = await client.getAccessToken();
  if (!token) throw new TypeError('an answer without a token');
  return { value: token, expiresMs: client.credentials.expiry_date ?? undefined };
}

/** We need no project; the library would run gcloud to find one. */
const notAsked = 'not-asked';

/** Every identity asks in this way: also one behind another, and in an exchange of tokens, where the library forgets it. */
function leaveThrough(google: GoogleAuth, agent: (url: URL) => Agent): void {
  const fromJSON = google.fromJSON.bind(google);
  google.fromJSON = (json, options = {}) => {
    const client = fromJSON(json, { ...options, transporterOptions: { agent } });
    const { stsCredential } = client as { stsCredential?: { transporter: unknown } };
    if (stsCredential) stsCredential.transporter = client.transporter;
    return client;
  };
}

async function readKey(upstream: string, file: string): Promise<GoogleKey> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  const advice = 'Check keyFile: it must be the JSON that Google made.';
  if (text === undefined) throw new Fault('unauthorized', `${upstream}: the Google key file cannot be read.`, advice);
  try {
    const key = JSON.parse(text) as GoogleKey;
    assertHarmless(upstream, key);
    return key;
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault('unauthorized', `${upstream}: the Google key file is not JSON.`, advice);
  }
}
