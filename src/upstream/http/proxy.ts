import { BlockList, isIP } from 'node:net';

import { Fault } from '../../chart/fault.ts';
import type { Secret } from '../../lib/secret.ts';
import { withoutBrackets } from './addresses.ts';

/** The way out. A proxy's url may hold a user name and password. */
export interface ProxySettings {
  /** For targets without TLS. */
  readonly http?: Secret | undefined;
  /** For targets with TLS. */
  readonly https?: Secret | undefined;
  /** Hosts that are reached without either, as `NO_PROXY` lists them; empty for none. */
  readonly noProxy: string;
}

/** A proxy that speaks HTTP. */
export interface ProxyServer {
  /** Without user info. */
  readonly url: URL;
  /** What proves to the proxy, and to nobody else, who we are. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * The proxy that stands between us and a target, read anew each time; undefined where there is none. Without a scheme
 * its address is meant as http. Faults with 'upstream-unreachable' when the setting cannot be read or is no address.
 */
export async function proxyFor(
  upstream: string,
  settings: ProxySettings,
  target: URL,
): Promise<ProxyServer | undefined> {
  const setting = target.protocol === 'https:' ? settings.https : settings.http;
  if (!setting || isExempt(settings.noProxy, target)) return undefined;
  const text = await setting.reveal().catch((cause: unknown) => {
    throw new Fault('upstream-unreachable', `${upstream}: the proxy setting cannot be read.`, settingAdvice, { cause });
  });
  const url = URL.parse(text.includes('://') ? text : `http://${text}`);
  if (!url || !['http:', 'https:'].includes(url.protocol)) {
    const message = `${upstream}: the proxy setting is no http:// or https:// address.`;
    throw new Fault('upstream-unreachable', message, settingAdvice);
  }
  return { url: new URL(url.origin), headers: authorizationOf(url) };
}

const settingAdvice = 'Check proxy of the upstream, or HTTP_PROXY and HTTPS_PROXY.';

function authorizationOf({ username, password }: URL): Record<string, string> {
  if (!username && !password) return {};
  const pair = `${decoded(username)}:${decoded(password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(pair).toString('base64')}` };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * Whether a target is reached without proxy, as Go reads `NO_PROXY`: `*` for every host; an address or a range in CIDR
 * form, for hosts written as addresses; `corp` for it and all below, `.corp` and `*.corp` for all below; each but a
 * range maybe with a port. Separated by commas or spaces.
 */
export function isExempt(noProxy: string, target: URL): boolean {
  const host = withoutBrackets(target.hostname).replace(/\.$/, '');
  const port = target.port || (target.protocol === 'https:' ? '443' : '80');
  return noProxy
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => isInRange(entry, host) || isNamed(entry, host, port));
}

function isInRange(entry: string, host: string): boolean {
  const [, network = '', prefix = ''] = /^([\d.]+|[\da-f:.]+)\/(\d{1,3})$/.exec(entry) ?? [];
  if (isIP(network) === 0 || isIP(host) === 0 || Number(prefix) > widthOf(network)) return false;
  const range = new BlockList();
  range.addSubnet(network, Number(prefix), familyOf(network));
  return range.check(host, familyOf(host));
}

function isNamed(entry: string, host: string, port: string): boolean {
  // an IPv6 address has a port only behind brackets
  const [, bracketed, plain, ownPort = port] = /^(?:\[(.+)\]|([^:]+))(?::(\d+))?$/.exec(entry) ?? [];
  const name = (bracketed ?? plain ?? entry).replace(/\.$/, '');
  if (ownPort !== port) return false;
  return name === '*' || isInRange(`${name}/${widthOf(name)}`, host) || isOrIsBelow(name, host);
}

function isOrIsBelow(name: string, host: string): boolean {
  if (name === '' || isIP(host) !== 0) return false;
  return host === name || host.endsWith(`.${name.replace(/^\*?\./, '')}`);
}

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 4 ? 'ipv4' : 'ipv6');

/** In bits. */
const widthOf = (address: string): number => (isIP(address) === 4 ? 32 : 128);
