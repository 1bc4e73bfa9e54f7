import type { Context } from 'hono';

import { mediaTypes } from '../../formats/oci-manifest.ts';
import type { Log } from '../../lib/log.ts';
import type { FoundBlob, OpenManifest, Referrer } from '../../mirror/contract/images.ts';
import { namesEtag } from '../conditions.ts';
import type { ServerEnv } from '../exchange.ts';
import { immutable, sendObject } from '../send-object.ts';
import { sendBuffer, sendHeaders, type Headers } from '../send.ts';
import { linkTo, type RenderedPage } from './lists.ts';
import { sendError } from './refusal.ts';

/** Nothing may be kept without asking: a rule that denies a version counts at once. */
const asked = 'no-cache';

/** A manifest as it is, whatever a client would rather have: another form would have another digest. */
export function sendManifest(
  c: Context<ServerEnv>,
  { descriptor: { digest, mediaType }, bytes }: OpenManifest,
  by: 'tag' | 'digest',
): Response {
  const headers: Headers = { ETag: `"${digest}"`, 'Cache-Control': by === 'tag' ? asked : immutable };
  headers['Docker-Content-Digest'] = digest;
  if (namesEtag(c.env.incoming.headers['if-none-match'], headers['ETag'] ?? '')) return sendHeaders(304, headers);
  headers['Content-Type'] = sendable(mediaType);
  headers['X-Content-Type-Options'] = 'nosniff';
  return sendBuffer(c, 200, headers, bytes);
}

const mediaTypeGrammar = /^[\w.+-]+\/[\w.+-]+$/;

/** A media type comes from upstream: what cannot be one (RFC 6838) does not get into a header. */
function sendable(mediaType: string): string {
  return mediaTypeGrammar.test(mediaType) ? mediaType : 'application/octet-stream';
}

/** A blob or a range of it. */
export function sendBlob(c: Context<ServerEnv>, blob: FoundBlob, log: Log): Response | Promise<Response> {
  const { digest, size } = blob.descriptor;
  return sendObject(
    c,
    {
      contentType: 'application/octet-stream',
      etag: `"${digest}"`,
      size,
      headers: { 'Docker-Content-Digest': digest },
      open: (range) => blob.open(range),
      refuseRange: (message, headers) => sendError(c, 416, 'SIZE_INVALID', message, headers),
    },
    log,
  );
}

/** Clients read no more than 4 MiB; the rest is for what stands around the entries. */
const maxIndexBytes = 4 * 1024 * 1024 - 1024;

/**
 * What refers to a digest as an image index (distribution specification, "Listing Referrers"), by digest: of one kind when
 * the query says so, and on several pages when there is too much of it.
 */
export function sendReferrers(c: Context<ServerEnv>, referrers: readonly Referrer[], query: string): Response {
  const parameters = new URLSearchParams(query);
  // no media type has a space, but many a + that nobody encodes
  const wanted = parameters.get('artifactType')?.replaceAll(' ', '+') ?? null;
  const last = parameters.get('last') ?? '';
  const rest = referrers
    .filter(({ artifactType, digest }) => (wanted === null || artifactType === wanted) && digest > last)
    .toSorted((one, other) => (one.digest < other.digest ? -1 : 1));
  const entries = entriesOf(rest);
  const headers: Headers = { ...listHeaders, 'Content-Type': mediaTypes.index };
  if (wanted !== null) headers['OCI-Filters-Applied'] = 'artifactType';
  const next = entries.length < rest.length ? rest[entries.length - 1] : undefined;
  if (next) {
    const kind = wanted === null ? {} : { artifactType: wanted };
    headers['Link'] = linkTo(c.req.path, { ...kind, last: next.digest });
  }
  const index = `{"schemaVersion":2,"mediaType":"${mediaTypes.index}","manifests":[${entries.join(',')}]}`;
  return sendBuffer(c, 200, headers, Buffer.from(index));
}

function entryOf({ mediaType, digest, size, annotations, artifactType }: Referrer): string {
  return JSON.stringify({ mediaType, digest, size, annotations, artifactType });
}

/** Of as many as one index holds, and of one at least. */
function entriesOf(referrers: readonly Referrer[]): readonly string[] {
  const entries: string[] = [];
  let bytes = 0;
  for (const referrer of referrers) {
    const entry = entryOf(referrer);
    bytes += Buffer.byteLength(entry) + 1;
    if (bytes > maxIndexBytes && entries.length > 0) break;
    entries.push(entry);
  }
  return entries;
}

/** One page of a list of names, and the `Link` to the next. */
export function sendPage(c: Context<ServerEnv>, { body, link }: RenderedPage): Response {
  const headers: Headers = { ...listHeaders, 'Content-Type': 'application/json; charset=utf-8' };
  if (link !== undefined) headers['Link'] = link;
  return sendBuffer(c, 200, headers, body);
}

const listHeaders = { 'Cache-Control': asked, 'X-Content-Type-Options': 'nosniff' };
