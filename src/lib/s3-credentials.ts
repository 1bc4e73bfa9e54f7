import type { fromNodeProviderChain } from '@aws-sdk/credential-providers';

import type { Clock } from './clock.ts';
import { Renewing } from './renewing.ts';
import { S3Failure } from './s3-failure.ts';
import type { Secret } from './secret.ts';

/** What requests are signed with. */
export interface S3Identity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  /** Good until then; for ever when absent. Milliseconds since the epoch. */
  readonly expiresMs?: number | undefined;
}

/** Answers with an identity that is good now. Rejects with an `S3Failure` whose code is `Credentials`. */
export type IdentitySource = () => Promise<S3Identity>;

/** The identity that the options of a bucket name: both keys, or neither for the environment's own. */
export function identityOf(
  options: {
    readonly region: string;
    readonly accessKeyId?: string | undefined;
    readonly secretAccessKey?: Secret | undefined;
  },
  clock: Clock,
): IdentitySource {
  const { accessKeyId, secretAccessKey, region } = options;
  if (accessKeyId !== undefined && secretAccessKey) return staticIdentity(accessKeyId, secretAccessKey);
  return environmentIdentity(region, clock);
}

/** What the S3 library asks before every request, which is all it uses of its own class. */
export function providerOf(identity: IdentitySource): unknown {
  const getCredentials = async () => {
    const { accessKeyId, secretAccessKey, sessionToken } = await identity();
    return {
      getAccessKey: () => accessKeyId,
      getSecretKey: () => secretAccessKey,
      getSessionToken: () => sessionToken,
    };
  };
  return { getCredentials };
}

/** Keys from the configuration, the secret one read anew each time. */
export function staticIdentity(accessKeyId: string, secretAccessKey: Secret): IdentitySource {
  return async () => {
    const secret = await secretAccessKey.reveal().catch((error: unknown) => {
      throw new S3Failure('Credentials', 'the secret access key cannot be read', { cause: error });
    });
    return { accessKeyId, secretAccessKey: secret };
  };
}

/** The identity of the machine or pod, renewed before it ends. The SDK that finds it is loaded only then. */
export function environmentIdentity(region: string, clock: Clock): IdentitySource {
  return renewing(() => environmentKeys({ region }), clock);
}

/** The same identity until it must be renewed, as `Renewing` promises. */
export function renewing(load: IdentitySource, clock: Clock): IdentitySource {
  const identity = new Renewing(async () => {
    const value = await load();
    return { value, expiresMs: value.expiresMs };
  }, clock);
  return () =>
    identity.get().catch((error: unknown) => {
      throw new S3Failure('Credentials', 'the environment has no usable AWS identity', { cause: error });
    });
}

/**
 * What the AWS SDK finds in the environment, looked for anew: variables, profile, single sign-on, IRSA, Pod Identity,
 * ECS or instance role. `clientConfig` is of the calls that this takes; the metadata services are always called directly.
 */
export async function environmentKeys(clientConfig: EnvironmentCalls): Promise<S3Identity> {
  const { fromNodeProviderChain } = await import('@aws-sdk/credential-providers');
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = await fromNodeProviderChain({
    clientConfig,
    // profiles are files that change
    ignoreCache: true,
    logger: silent,
  })();
  return { accessKeyId, secretAccessKey, sessionToken, expiresMs: expiration?.getTime() };
}

type EnvironmentCalls = NonNullable<NonNullable<Parameters<typeof fromNodeProviderChain>[0]>['clientConfig']>;

const ignore = (): void => undefined;
/** The SDK writes to the console otherwise. */
const silent = { debug: ignore, info: ignore, warn: ignore, error: ignore };
