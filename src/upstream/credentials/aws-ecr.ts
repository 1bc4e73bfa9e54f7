import type { ECRClient } from '@aws-sdk/client-ecr';

import type { S3Identity } from '../../lib/s3-credentials.ts';
import type { EcrPlace, PrivateEcr } from './aws-ecr-host.ts';
import { requestHandlerOf, type AwsOptions } from './aws-keys.ts';
import { openWayOut } from './cloud-calls.ts';

/** What GetAuthorizationToken gave: `AWS:<password>` in base64. */
export interface EcrPassword {
  readonly authorizationToken?: string | undefined;
  readonly expiresAt?: Date | undefined;
}

/** Asks a registry's API for a password. Rejects with what the SDK throws. */
export async function askForPassword(
  options: AwsOptions,
  place: EcrPlace,
  keys: S3Identity,
  signal: AbortSignal,
): Promise<EcrPassword | undefined> {
  if (place.kind === 'public') return await askPublic(options, place.region, keys, signal);
  const { GetAuthorizationTokenCommand } = await import('@aws-sdk/client-ecr');
  const client = await openEcr(options, place, keys, signal);
  return (await client.send(new GetAuthorizationTokenCommand({}))).authorizationData?.[0];
}

/**
 * Opens a client of a private registry's API that signs with these keys; the configuration's region goes before the
 * host's. Its connections end with `signal`.
 */
export async function openEcr(
  options: AwsOptions,
  place: PrivateEcr,
  keys: S3Identity,
  signal: AbortSignal,
): Promise<ECRClient> {
  const { ECRClient } = await import('@aws-sdk/client-ecr');
  return new ECRClient({
    region: options.auth.region ?? place.region,
    ...(place.fips && { useFipsEndpoint: true }),
    ...(place.dualStack && { useDualstackEndpoint: true }),
    credentials: credentialsOf(keys),
    requestHandler: requestHandlerOf(await openWayOut(options.upstream, options.proxy, signal)),
  });
}

async function askPublic(
  { upstream, proxy }: AwsOptions,
  region: string,
  keys: S3Identity,
  signal: AbortSignal,
): Promise<EcrPassword | undefined> {
  const { ECRPUBLICClient, GetAuthorizationTokenCommand } = await import('@aws-sdk/client-ecr-public');
  const requestHandler = requestHandlerOf(await openWayOut(upstream, proxy, signal));
  const client = new ECRPUBLICClient({ region, credentials: credentialsOf(keys), requestHandler });
  return (await client.send(new GetAuthorizationTokenCommand({}))).authorizationData;
}

function credentialsOf({ accessKeyId, secretAccessKey, sessionToken }: S3Identity) {
  return { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) };
}
