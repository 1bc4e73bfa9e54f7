import type { Site } from '../internet.ts';
import { fileAt, indexOf, type Shelved } from './shelf.ts';

export interface GiteaOptions {
  readonly owner: string;
  /** The value of `Authorization` it takes. */
  readonly authorization: string;
  /** `ROOT_URL` of its configuration, with a slash at its end: every url begins with it. */
  readonly rootUrl: string;
  readonly now: () => string;
}

/** Gitea and Forgejo: all charts of an owner in one index, made anew each time, without digests and validators. */
export function gitea(shelf: readonly Shelved[], { owner, authorization, rootUrl, now }: GiteaOptions): Site {
  const base = `api/packages/${owner}/helm`;
  return ({ path, headers }) => {
    if (headers.authorization !== authorization) {
      const challenge = 'Basic realm="Gitea Package API"';
      return { status: 401, headers: { 'www-authenticate': challenge }, body: 'authorization failed' };
    }
    if (path === `/${base}/index.yaml`) {
      const urlOf = ({ file }: Shelved): string => `${rootUrl}${base}/${file}`;
      return { body: indexOf(shelf, { urlOf, digests: false, generated: now() }) };
    }
    const file = path.endsWith('.tgz') ? fileAt(shelf, path) : undefined;
    return file ?? { status: 404, body: 'package does not exist' };
  };
}
