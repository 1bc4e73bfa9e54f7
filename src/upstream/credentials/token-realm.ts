import { BlockList, isIP } from 'node:net';

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
  [/^[a-z0-9-]+\.ocir\.io$/, /^[a-z0-9-]+\.ocir\.io$/],
];

/**
 * Judges the token service that a registry's challenge names. The registry's own host name is the same party on any
 * port, since a registry with its token server on another port is common. Plain HTTP only where the registry itself
 * is spoken to that way.
 */
export function trustOfRealm(registry: URL, realm: URL): RealmTrust {
  if (realm.protocol !== 'https:' && realm.protocol !== registry.protocol) return 'refused';
  if (realm.hostname === registry.hostname) return 'credentials';
  if (realm.protocol !== 'https:' || isInside(realm.hostname)) return 'refused';
  return isKnownPair(registry, realm) ? 'credentials' : 'anonymous';
}

function isKnownPair(registry: URL, realm: URL): boolean {
  if (registry.protocol !== 'https:' || registry.port !== '' || realm.port !== '') return false;
  return knownRealms.some(([own, other]) => own.test(registry.hostname) && other.test(realm.hostname));
}

/** Whether a host of a URL is an address that only means something inside: loopback, link-local, private, shared. */
function isInside(hostname: string): boolean {
  if (/(?:^|\.)localhost\.?$/.test(hostname)) return true;
  const address = hostname.replace(/^\[(.*)\]$/, '$1');
  const family = isIP(address);
  return family !== 0 && insideAddresses().check(address, family === 4 ? 'ipv4' : 'ipv6');
}

const insideRanges: readonly (readonly [string, number, 'ipv4' | 'ipv6'])[] = [
  ['0.0.0.0', 8, 'ipv4'],
  ['10.0.0.0', 8, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['224.0.0.0', 3, 'ipv4'],
  ['::', 127, 'ipv6'],
  ['64:ff9b::', 96, 'ipv6'],
  ['fc00::', 7, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
  ['ff00::', 8, 'ipv6'],
];

function insideAddresses(): BlockList {
  const list = new BlockList();
  for (const [network, prefix, family] of insideRanges) list.addSubnet(network, prefix, family);
  return list;
}
