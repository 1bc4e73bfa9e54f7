import type { Site } from '../internet.ts';
import { fileAt, indexOf, validated, type Shelved } from './shelf.ts';

/** What lies in a Nexus, by the name of the repository. */
export interface NexusRepositories {
  readonly [name: string]: readonly Shelved[];
}

/**
 * Sonatype Nexus: urls are bare file names in every sort of repository, answers carry validators, and whoever is not
 * known gets a web page and a challenge in capitals.
 */
export function nexus(repositories: NexusRepositories, authorization: string): Site {
  return (request) => {
    const { path, headers } = request;
    if (headers.authorization !== authorization) {
      const challenge = 'BASIC realm="Sonatype Nexus Repository Manager"';
      return { status: 401, headers: { ...page, 'www-authenticate': challenge }, body: html('401 Unauthorized') };
    }
    const [, name = '', rest = ''] = /^\/repository\/([^/]+)\/(.+)$/.exec(path) ?? [];
    const shelf = repositories[name];
    if (!shelf) return { status: 404, headers: page, body: html('Repository not found') };
    if (rest === 'index.yaml') {
      return validated(request, indexOf(shelf, { urlOf: ({ file }) => file }));
    }
    const file = fileAt(shelf, rest);
    return file?.body === undefined
      ? { status: 404, headers: page, body: html('Not found') }
      : validated(request, file.body);
  };
}

const page = { 'content-type': 'text/html', server: 'Nexus/3.71.0 (COMMUNITY)' };

function html(title: string): string {
  return `<!DOCTYPE html>\n<html lang="en"><head><title>${title} - Sonatype Nexus Repository</title></head></html>`;
}
