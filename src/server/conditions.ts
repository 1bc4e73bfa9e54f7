const etags = /(?:W\/)?("[\x21\x23-\x7e\x80-\xff]*")/g;

/** Whether `If-None-Match` names `etag`: a list or `*`, compared weakly (RFC 9110 section 13.1.2). */
export function namesEtag(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch === etag || ifNoneMatch.trim() === '*') return true;
  for (const match of ifNoneMatch.matchAll(etags)) if (match[1] === etag) return true;
  return false;
}

/**
 * Whether to answer with gzip, by `Accept-Encoding` (RFC 9110 section 12.5.3). Only when asked for, by name or by `*`,
 * and not when the client would rather have the bytes as they are.
 */
export function prefersGzip(acceptEncoding: string | undefined): boolean {
  if (acceptEncoding === undefined) return false;
  const weights = weightsOf(acceptEncoding);
  const gzip = weights.get('gzip') ?? weights.get('x-gzip') ?? weights.get('*') ?? 0;
  return gzip > 0 && gzip >= (weights.get('identity') ?? 0);
}

const coding = /^([!#$%&'*+.^_`|~0-9a-z-]+)(?:;q=([01](?:\.\d{0,3})?))?$/;

/** The weight of each coding; what is not in the right form counts as refused. */
function weightsOf(acceptEncoding: string): Map<string, number> {
  const weights = new Map<string, number>();
  for (const part of acceptEncoding.toLowerCase().replaceAll(/[ \t]/g, '').split(',')) {
    const match = coding.exec(part);
    if (match?.[1]) weights.set(match[1], Math.min(1, Number(match[2] ?? 1)));
  }
  return weights;
}
