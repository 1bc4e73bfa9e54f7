/** How far an upstream may lead us, and which places are told who we are. Said by the configuration alone. */
export interface Reach {
  /** Scheme, host and port that receive credentials, own headers and the client certificate. The first is the upstream's own. */
  readonly trusted: readonly [own: URL, ...others: URL[]];
  /** `host` or `host:port`: where an index or a redirect may lead although the address is private. */
  readonly archiveHosts: readonly string[];
  /** Whether private addresses are nothing special. */
  readonly allowPrivateNetwork: boolean;
}

/** Whether credentials may be sent to an address: scheme, host and port exactly. */
export function isTrusted({ trusted }: Reach, url: URL): boolean {
  return trusted.some(({ origin }) => origin === url.origin);
}

/**
 * Whether an address may be private: one that the operator named. The upstream's own host may be at the standard port of
 * the other scheme, since many lead from http to https. Without a port an archive host is meant at the standard ports.
 */
export function mayBePrivate({ trusted, archiveHosts, allowPrivateNetwork }: Reach, url: URL): boolean {
  if (allowPrivateNetwork || trusted.some(({ host }) => host === url.host)) return true;
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return archiveHosts.includes(url.host) || archiveHosts.includes(`${url.hostname}:${port}`);
}
