import { hexDigest } from '../charts.ts';
import type { Site } from '../internet.ts';
import { fileAt, indexOf, validated, type Shelved } from './shelf.ts';

/** `raw.githubusercontent.com` for a private repository: 404 for whoever may not see it, weak ETags. */
export function githubRaw(shelf: readonly Shelved[], token: string): Site {
  return (request) => {
    const { path, headers } = request;
    const isKnown = [`Bearer ${token}`, `token ${token}`].includes(headers.authorization ?? '');
    const isIndex = path === '/acme/charts/main/index.yaml';
    const body = isIndex ? indexOf(shelf, { urlOf: ({ file }) => file }) : fileAt(shelf, path)?.body;
    if (!isKnown || body === undefined) return { status: 404, body: '404: Not Found' };
    const answer = validated(request, body, `W/"${hexDigest(Buffer.from(body))}"`);
    return { ...answer, headers: { ...answer.headers, 'cache-control': 'max-age=300' } };
  };
}
