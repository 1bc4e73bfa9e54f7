import { createHash } from 'node:crypto';

import type { Site, SiteRequest } from '../internet.ts';
import { fileAt, indexOf, validated, type Shelved } from './shelf.ts';

export interface ArtifactoryOptions {
  /** Whether it knows who asks: Basic, Bearer or `X-JFrog-Art-Api`. */
  readonly knows: (headers: SiteRequest['headers']) => boolean;
  /** Urls of an index, by the key of its repository; each chart of the shelf is asked. */
  readonly urls: Readonly<Record<string, (chart: Shelved) => string>>;
}

/** JFrog Artifactory: `/api/helm/<key>/index.yaml`, archives below `/artifactory/<key>/`, a sha1 for an ETag. */
export function artifactory(shelf: readonly Shelved[], { knows, urls }: ArtifactoryOptions): Site {
  return (request) => {
    if (!knows(request.headers))
      return problem(401, 'Bad credentials', { 'www-authenticate': 'Basic realm="Artifactory Realm"' });
    const [, key = '', rest = ''] = /^\/artifactory\/(?:api\/helm\/)?([^/]+)\/(.+)$/.exec(request.path) ?? [];
    const urlOf = urls[key];
    if (!urlOf) return problem(404, 'Could not find resource');
    const body = rest === 'index.yaml' ? indexOf(shelf, { urlOf }) : fileAt(shelf, rest)?.body;
    if (body === undefined) return problem(404, 'File not found.');
    const sha1 = createHash('sha1').update(body).digest('hex');
    const answer = validated(request, body, sha1);
    return { ...answer, headers: { ...answer.headers, ...identity, 'x-checksum-sha1': sha1 } };
  };
}

const identity = { 'x-jfrog-version': 'Artifactory/7.98.7 79807900', 'x-artifactory-id': 'a1b2c3' };

function problem(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
  const body = JSON.stringify({ errors: [{ status, message }] });
  return { status, headers: { 'content-type': 'application/json', ...identity, ...headers }, body };
}
