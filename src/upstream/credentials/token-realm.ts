import { isInside } from '../http/addresses.ts';
import { isTrusted, mayBePrivate, type Reach } from '../http/reach.ts';

/**
 * What a token service may be told: our credentials, nothing but the scope, or not even that we exist. A challenge
 * is written by whoever answers; it must not choose who gets the password, nor make us ask inside our own network.
 */
export type RealmTrust = 'credentials' | 'anonymous' | 'refused';

/** Registries whose token service has a host name of its own. */
const knownRealms: readonly (readonly [registry: RegExp, realm: RegExp])[] = [
  [/^(?:registry-1\.|index\.)?docker\.io$/, /^auth\.docker\.io$/],
  [/^(?:[a-z0-9-]+\.)?gcr\.io$/, /^(?:[a-z0-9-]+\.)?gcr\.io$/],
  [/^registry\.gitlab\.com$/, /^gitlab\.com$/],
  [/^registry\.digitalocean\.com$/, /^api\.digitalocean\.com$/],
];

/**
 * Judges the token service that a challenge of `registry` names. Credentials are for the registry's own origin, for
 * trusted origins and for the known token services of hosted products; the same host on another port is another party.
 * Without TLS only where the registry itself is spoken to that way.
 */
export function trustOfRealm(reach: Reach, registry: URL, realm: URL): RealmTrust {
  if (realm.protocol !== 'https:' && (realm.protocol !== 'http:' || registry.protocol !== 'http:')) return 'refused';
  if (realm.origin === registry.origin || isTrusted(reach, realm)) return 'credentials';
  if (isInside(realm.hostname) && !mayBePrivate(reach, realm)) return 'refused';
  return isKnownPair(registry, realm) ? 'credentials' : 'anonymous';
}

function isKnownPair(registry: URL, realm: URL): boolean {
  if (registry.protocol !== 'https:' || registry.port !== '' || realm.port !== '') return false;
  return knownRealms.some(([own, other]) => own.test(registry.hostname) && other.test(realm.hostname));
}
