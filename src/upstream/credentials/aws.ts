import { isDeepStrictEqual } from 'node:util';

import { Fault } from '../../chart/fault.ts';
import { Renewing } from '../../lib/renewing.ts';
import type { S3Identity } from '../../lib/s3-credentials.ts';
import { ecrPlaceOf, mustBeEcr } from './aws-ecr-host.ts';
import { askForPassword, type EcrPassword } from './aws-ecr.ts';
import { awsCaller, describedAws, findKeys, readKeys, type AwsOptions } from './aws-keys.ts';
import { calling } from './cloud-calls.ts';
import type { Login, LoginSource } from './login.ts';

/**
 * Keys that are good now, session token and end included; after `refused`, which a service did not take, others where
 * there are. Faults with 'unauthorized' when none can be had.
 */
export type AwsIdentitySource = (refused?: S3Identity) => Promise<S3Identity>;

/** A registry of Amazon ECR, and the configuration that proves who we are. */
export interface EcrOptions extends AwsOptions {
  readonly registry: URL;
}

/**
 * The identity of the configuration: its keys, read anew each time, else what the official SDK finds in the environment
 * (variables, profile, web identity, container and instance metadata); with `roleArn` that role, assumed with it. What
 * ends is renewed before it does. The SDK is loaded at first use; STS is asked as `proxy` says.
 */
export function awsIdentity(options: AwsOptions & { readonly region: string }): AwsIdentitySource {
  const { upstream, auth, clock, region } = options;
  const { keys, roleArn } = auth;
  if (keys && roleArn === undefined) return () => readKeys(upstream, keys);
  const identity = new Renewing(async () => {
    const value = await calling(awsCaller(options), (signal) => findKeys(options, region, signal));
    return { value, expiresMs: value.expiresMs };
  }, clock);
  return async (refused) => {
    if (refused) identity.drop(refused);
    return await identity.get();
  };
}

/** The identity for a registry's own API: in its region, unless the configuration names another. */
export function ecrIdentity(options: EcrOptions): AwsIdentitySource {
  const { auth, registry } = options;
  return awsIdentity({ ...options, region: auth.region ?? ecrPlaceOf(registry.host)?.region ?? 'us-east-1' });
}

/**
 * The password that ECR or ECR public gives for 12 hours, renewed at 80 % of them, and asked for anew after one that the
 * registry refused. Faults with 'unauthorized' when there is none to be had, and for a host that is not Amazon's.
 */
export function ecrLogin(options: EcrOptions): LoginSource {
  const { upstream, registry, auth, clock } = options;
  const identity = ecrIdentity(options);
  const passwords = new Renewing<Login>(async () => {
    const place = mustBeEcr(upstream, registry);
    const given = await calling(awsCaller(options), (signal) =>
      withKeys(identity, (keys) => askForPassword(options, place, keys, signal)),
    );
    return { value: loginOf(upstream, given), expiresMs: given?.expiresAt?.getTime() };
  }, clock);
  return {
    description: describedAws(auth),
    login: async (refused) => {
      if (refused) passwords.drop(refused);
      return await passwords.get();
    },
  };
}

const refusals = /Expired|UnrecognizedClient|InvalidClientTokenId|InvalidSignature|SignatureDoesNotMatch/;

/** Work with keys that are good now; when those were refused, once more with others where there are. */
export async function withKeys<T>(identity: AwsIdentitySource, work: (keys: S3Identity) => Promise<T>): Promise<T> {
  const keys = await identity();
  try {
    return await work(keys);
  } catch (error) {
    if (!(error instanceof Error) || !refusals.test(error.name)) throw error;
    const others = await identity(keys);
    if (isDeepStrictEqual(others, keys)) throw error;
    return await work(others);
  }
}

function loginOf(upstream: string, given: EcrPassword | undefined): Login {
  const text = Buffer.from(given?.authorizationToken ?? '', 'base64').toString('utf8');
  const [username, password] = [text.slice(0, text.indexOf(':')), text.slice(text.indexOf(':') + 1)];
  if (username !== '' && password !== '') return { kind: 'password', username, password };
  throw new Fault('upstream-failed', `${upstream}: AWS answered without a password.`, 'It is tried again later.');
}
