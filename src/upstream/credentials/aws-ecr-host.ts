import { Fault } from '../../chart/fault.ts';

/** Which registry of Amazon's a host is. */
export type EcrPlace = PublicEcr | PrivateEcr;

interface PublicEcr {
  readonly kind: 'public';
  readonly region: string;
}

/** One of an account, in one region. */
export interface PrivateEcr {
  readonly kind: 'private';
  readonly account: string;
  readonly region: string;
  readonly fips: boolean;
  readonly dualStack: boolean;
}

const suffixes = [
  ...['amazonaws.com', 'amazonaws.com.cn', 'amazonaws.eu', 'on.aws', 'on.amazonwebservices.com.cn'],
  ...['on.amazonwebservices.eu', 'sc2s.sgov.gov', 'c2s.ic.gov', 'cloud.adc-e.uk', 'csp.hci.ic.gov'],
];

const pattern = new RegExp(
  `^(?<account>\\d{12})\\.dkr(?<separator>[.-])ecr(?<fips>-fips)?\\.(?<region>[a-z0-9-]+)\\.(?:${suffixes.join('|').replaceAll('.', '\\.')})$`,
);

/**
 * What a registry's host says: `<account>.dkr.ecr[-fips].<region>.amazonaws.com`, with `dkr-ecr` for dual stack, in every
 * partition; or `public.ecr.aws`, whose API is in one region. Undefined for every other host.
 */
export function ecrPlaceOf(host: string): EcrPlace | undefined {
  if (host === 'public.ecr.aws') return { kind: 'public', region: 'us-east-1' };
  const { account, region, fips, separator } = pattern.exec(host)?.groups ?? {};
  if (account === undefined || region === undefined) return undefined;
  return { kind: 'private', account, region, fips: fips !== undefined, dualStack: separator === '-' };
}

/** The same, with a fault for every other host: a password of ours goes to Amazon alone. */
export function mustBeEcr(upstream: string, { host }: URL): EcrPlace {
  const place = ecrPlaceOf(host);
  if (place) return place;
  const message = `${upstream}: ${host} is no registry of Amazon ECR, so it is not told who we are to AWS.`;
  throw new Fault('unauthorized', message, 'Check the url, or set username and password instead of provider.');
}
