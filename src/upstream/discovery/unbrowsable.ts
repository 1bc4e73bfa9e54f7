import { Fault } from '../../chart/fault.ts';
import type { Discovery, DiscoveryParts } from './discovery.ts';

/** Whether a host is the public registry of Amazon. */
export function isEcrPublic(host: string): boolean {
  return host === 'public.ecr.aws';
}

/** Whether a host is a registry of Oracle's cloud. */
export function isOracle(host: string): boolean {
  return /^(?:[a-z0-9-]+\.ocir\.io|ocir\.[a-z0-9-]+\.oci\.oraclecloud\.com)$/.test(host);
}

/** Amazon ECR Public lists nothing: it faults without asking. */
export function ecrPublicDiscovery({ upstream }: DiscoveryParts): Discovery {
  return unbrowsable(upstream, 'Amazon ECR Public');
}

/** Oracle's registry is listed only through an API with signed requests, which are not made: it faults without asking. */
export function oracleDiscovery({ upstream }: DiscoveryParts): Discovery {
  return unbrowsable(upstream, 'Oracle Cloud');
}

function unbrowsable(upstream: string, product: string): Discovery {
  return { product, repositories: () => Promise.reject(cannotBeBrowsed(upstream, product)) };
}

/** The fault of a product that does not say which charts it has, at all or to these credentials (`without a token`). */
export function cannotBeBrowsed(upstream: string, product: string, why = ''): Fault {
  const message = `${upstream}: ${product} cannot be browsed${why && ` ${why}`}.`;
  return new Fault('invalid-reference', message, 'Name the charts in charts, and leave out discover.');
}

/**
 * The first word of the address's path, for products that are listed by owner. `owner` is what they call it. Faults with
 * 'invalid-reference' when there is none.
 */
export function ownerIn({ upstream, address }: DiscoveryParts, product: string, owner: string): string {
  const [first] = address.path.split('/');
  if (first) return first;
  const message = `${upstream}: ${product} is listed one ${owner} at a time, and the url names none.`;
  throw new Fault('invalid-reference', message, `Write the ${owner} into the url.`);
}

/** The fault where a product knows, or shows to these credentials, no such owner. */
export function noSuchOwner(upstream: string, product: string, owner: string, advice: string): Fault {
  return new Fault('invalid-reference', `${upstream}: ${product} shows us no ${owner}.`, advice);
}
