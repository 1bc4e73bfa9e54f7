/** Upper and lower case letters and digits without an order: what programs make up, and people do not. */
const madeUp = /^(?=.*[A-Z])(?=.*[a-z])(?=.*\d)[A-Za-z0-9_-]{16,}$/;

/** Prefixes by which products mark their tokens (GitHub, GitLab, Artifactory, JWT). */
const markedToken = /^(?:gh[a-z]_|github_pat_|gl[a-z]{2,5}-|AKC|cmVm|eyJ)[A-Za-z0-9_.=-]{12,}$/;

/** Long random hexadecimal (packagecloud); git commits and digests are 40 and 64. */
const hexToken = /^(?:[0-9a-f]{32}|[0-9a-f]{48})$/;

/** Where a path begins with a token, unless it says how else it is entered. */
const tokenFirst: Readonly<Record<string, ReadonlySet<string>>> = {
  'dl.cloudsmith.io': new Set(['public', 'basic']),
};

/**
 * The path of a url as it may be shown, in messages, logs and answers: segments that are tokens, or look like one, are
 * `[secret]`. Never with a query. Best effort for hosts it does not know; complete for `dl.cloudsmith.io`.
 */
export function publicPath({ hostname, pathname }: Pick<URL, 'hostname' | 'pathname'>): string {
  // a path of this machine
  if (hostname === '') return pathname;
  const entrances = tokenFirst[hostname];
  return pathname
    .split('/')
    .map((segment, at) => {
      const isEntrance = at === 1 && entrances !== undefined && segment !== '' && !entrances.has(segment);
      return isEntrance || looksLikeToken(segment) ? '[secret]' : segment;
    })
    .join('/');
}

function looksLikeToken(segment: string): boolean {
  return madeUp.test(segment) || markedToken.test(segment) || hexToken.test(segment);
}
