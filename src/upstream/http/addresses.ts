import { BlockList, isIP } from 'node:net';

type Network = readonly [network: string, prefix: number];

/**
 * IPv4 that is nobody's on the internet (RFC 6890): this network, private, shared, loopback, link-local with the metadata
 * services, protocol assignments, benchmarks, multicast, reserved, broadcast; and the one by which Azure's machines reach
 * their platform.
 */
const insideIPv4: readonly Network[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['168.63.129.16', 32],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
];

/**
 * The same of IPv6: unspecified, loopback and IPv4-compatible, local translation, Teredo, 6to4, unique local with the
 * metadata service of AWS, link-local, site-local, multicast.
 */
const insideIPv6: readonly Network[] = [
  ['::', 96],
  ['64:ff9b:1::', 48],
  ['2001::', 32],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
];

/** Link-local, and where the clouds of Amazon, Microsoft, Alibaba and Oracle tell a machine of itself. */
const metadataIPv4: readonly Network[] = [
  ['169.254.0.0', 16],
  ['168.63.129.16', 32],
  ['100.100.100.200', 32],
  ['192.0.0.192', 32],
];
const metadataIPv6: readonly Network[] = [
  ['fd00:ec2::254', 128],
  ['fe80::', 10],
];

/** Prefixes of an IPv4 address, and as private as that: mapped (RFC 4291), translated (RFC 7915), NAT64 (RFC 6052). */
const translations: readonly string[] = ['::ffff:', '::ffff:0:', '64:ff9b::'];

const insideAddresses = blockList(insideIPv4, insideIPv6);
const metadataAddresses = blockList(metadataIPv4, metadataIPv6);

/** Names that mean something inside only, whatever a name server says: our machine. */
const ownNames = /^(?:.+\.)?localhost$/;
/** The same: metadata services of clouds. */
const metadataNames = /^(?:metadata|metadata\.goog|metadata\.google\.internal|instance-data(?:\.ec2\.internal)?)$/;

/**
 * Whether the host of a URL, as `URL.hostname` spells it, is an address or a name that only means something inside:
 * loopback, link-local, private, shared, metadata. False for any other name, whatever it resolves to.
 */
export function isInside(hostname: string): boolean {
  const name = plainName(hostname);
  return ownNames.test(name) || metadataNames.test(name) || isInsideAddress(withoutBrackets(hostname));
}

/**
 * Whether a host as `URL.hostname` spells it, or an IP address, is one where a cloud tells a machine of itself, or a
 * link-local one: there is no chart at any of them.
 */
export function isMetadata(host: string): boolean {
  return metadataNames.test(plainName(host)) || isIn(metadataAddresses, withoutBrackets(host));
}

function plainName(hostname: string): string {
  return hostname.toLowerCase().replace(/\.$/, '');
}

/** Whether an IP address, maybe with a zone, is one that only means something inside. False for what is no address. */
export function isInsideAddress(address: string): boolean {
  return isIn(insideAddresses, address);
}

function isIn(list: BlockList, address: string): boolean {
  const [bare = ''] = address.split('%');
  const family = isIP(bare);
  return family !== 0 && list.check(bare, family === 4 ? 'ipv4' : 'ipv6');
}

/** A host of a URL as sockets want it: an IPv6 address without its brackets. */
export function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}

function blockList(networks4: readonly Network[], networks6: readonly Network[]): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of networks6) list.addSubnet(network, prefix, 'ipv6');
  for (const [network, prefix] of networks4) {
    list.addSubnet(network, prefix, 'ipv4');
    for (const before of translations) list.addSubnet(before + network, 96 + prefix, 'ipv6');
  }
  return list;
}
