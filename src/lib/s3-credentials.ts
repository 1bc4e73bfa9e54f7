import type { Clock } from './clock.ts';
import { S3Failure } from './s3-failure.ts';
import type { Secret } from './secret.ts';
import { SingleFlight } from './single-flight.ts';

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

const renewEarlyMs = 5 * 60 * 1000;
const retryRenewalMs = 30 * 1000;

/** Keys from the configuration, the secret one read anew each time. */
export function staticIdentity(accessKeyId: string, secretAccessKey: Secret): IdentitySource {
  return async () => {
    const secret = await secretAccessKey.reveal().catch((error: unknown) => {
      throw new S3Failure('Credentials', 'the secret access key cannot be read', { cause: error });
    });
    return { accessKeyId, secretAccessKey: secret };
  };
}

/**
 * The identity of the machine or pod: environment, profile, IRSA, Pod Identity, ECS or instance role, as the AWS SDK
 * finds it. The SDK is loaded only then.
 */
export function environmentIdentity(region: string, clock: Clock): IdentitySource {
  let load: IdentitySource | undefined;
  return renewing(async () => {
    load ??= await loadChain(region);
    return load();
  }, clock);
}

async function loadChain(region: string): Promise<IdentitySource> {
  const { fromNodeProviderChain } = await import('@aws-sdk/credential-providers');
  const chain = fromNodeProviderChain({ clientConfig: { region } });
  return async () => {
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = await chain();
    return { accessKeyId, secretAccessKey, sessionToken, expiresMs: expiration?.getTime() };
  };
}

/**
 * Remembers an identity and renews it five minutes before it ends, once for all who ask meanwhile. While a renewal
 * fails, the old one goes on being used as long as it is good, and the next attempt waits 30 s.
 */
export function renewing(load: IdentitySource, clock: Clock): IdentitySource {
  const flight = new SingleFlight<S3Identity>();
  let present: S3Identity | undefined;
  let renewAtMs = 0;
  const renew = async (): Promise<S3Identity> => {
    try {
      present = await load();
      const lateMs = (present.expiresMs ?? Number.POSITIVE_INFINITY) - renewEarlyMs;
      renewAtMs = Math.max(lateMs, clock.now() + retryRenewalMs);
      return present;
    } catch (error) {
      const now = clock.now();
      if (!present || (present.expiresMs ?? now) <= now) throw unavailable(error);
      renewAtMs = now + retryRenewalMs;
      return present;
    }
  };
  return async () => (present && clock.now() < renewAtMs ? present : flight.run('identity', renew));
}

function unavailable(error: unknown): S3Failure {
  return new S3Failure('Credentials', 'the environment has no usable AWS identity', { cause: error });
}
