import type { Agent } from 'node:https';

import type { Clock } from '../../lib/clock.ts';
import { environmentKeys, type S3Identity } from '../../lib/s3-credentials.ts';
import type { Secret } from '../../lib/secret.ts';
import type { ProxySettings } from '../http/proxy.ts';
import { openWayOut, type CloudCaller } from './cloud-calls.ts';
import { revealed } from './login.ts';

/** Keys of the configuration. */
interface AwsKeys {
  readonly accessKeyId: Secret;
  readonly secretAccessKey: Secret;
}

/** Who we are to AWS. */
export interface AwsSettings {
  /** Absent: the registry's own, or what the caller says. */
  readonly region?: string | undefined;
  /** A role to assume with what is found. */
  readonly roleArn?: string | undefined;
  /** Absent: what the environment has. */
  readonly keys?: AwsKeys | undefined;
}

/** What everything that asks AWS for an upstream needs. */
export interface AwsOptions {
  readonly upstream: string;
  readonly auth: AwsSettings;
  readonly clock: Clock;
  readonly proxy: ProxySettings;
}

/** For people: `AWS keys, role arn:aws:iam::123456789012:role/charts`. */
export function describedAws({ keys, roleArn }: AwsSettings): string {
  const first = keys ? 'AWS keys' : 'AWS identity of the environment';
  return roleArn ? `${first}, role ${roleArn}` : first;
}

/** Who asks, for `calling`. */
export function awsCaller({ upstream, clock }: AwsOptions): CloudCaller {
  const advice = 'Check the keys or the identity of the environment, roleArn, and what it may do.';
  return { upstream, cloud: 'AWS', advice, clock };
}

/** How an AWS client asks: with deadlines, and out through the agent. */
export function requestHandlerOf(httpsAgent: Agent) {
  return { httpsAgent, connectionTimeout: 5_000, requestTimeout: 20_000, throwOnRequestTimeout: true };
}

/** The configured keys as they are now. Faults with 'unauthorized' when one cannot be read. */
export async function readKeys(upstream: string, keys: AwsKeys): Promise<S3Identity> {
  return {
    accessKeyId: await revealed(upstream, keys.accessKeyId),
    secretAccessKey: await revealed(upstream, keys.secretAccessKey),
  };
}

/** Keys got anew: those configured or the environment's, and with them the role's. Rejects with what the SDK throws. */
export async function findKeys(
  { upstream, auth, proxy }: AwsOptions,
  region: string,
  signal: AbortSignal,
): Promise<S3Identity> {
  const clientConfig = { region, requestHandler: requestHandlerOf(await openWayOut(upstream, proxy, signal)) };
  const first = auth.keys ? await readKeys(upstream, auth.keys) : await environmentKeys(clientConfig);
  return auth.roleArn === undefined ? first : await assume(auth.roleArn, first, clientConfig);
}

async function assume(
  roleArn: string,
  { accessKeyId, secretAccessKey, sessionToken }: S3Identity,
  clientConfig: { readonly region: string; readonly requestHandler: ReturnType<typeof requestHandlerOf> },
): Promise<S3Identity> {
  const { fromTemporaryCredentials } = await import('@aws-sdk/credential-providers');
  const { expiration, ...keys } = await fromTemporaryCredentials({
    masterCredentials: { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) },
    params: { RoleArn: roleArn, RoleSessionName: 'chartroom' },
    clientConfig,
  })();
  return {
    accessKeyId: keys.accessKeyId,
    secretAccessKey: keys.secretAccessKey,
    sessionToken: keys.sessionToken,
    expiresMs: expiration?.getTime(),
  };
}
