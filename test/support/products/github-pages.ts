import type { Site } from '../internet.ts';
import { fileAt, indexOf, validated, type Shelved } from './shelf.ts';

/** GitHub Pages with archives among the releases of the repository, whose bytes are somewhere else again. */
export function githubPages(shelf: readonly Shelved[]): Readonly<Record<string, Site>> {
  const urlOf = ({ name, version, file }: Shelved): string =>
    `https://github.com/acme/charts/releases/download/${name}-${version}/${file}`;
  return {
    'acme.github.io': (request) => {
      if (request.path !== '/charts/index.yaml') return { status: 404, headers: page, body: '<!DOCTYPE html>404' };
      const answer = validated(request, indexOf(shelf, { urlOf }));
      return { ...answer, headers: { ...answer.headers, 'cache-control': 'max-age=600' } };
    },
    'github.com': ({ path }) => {
      if (!fileAt(shelf, path)) return { status: 404, body: 'Not Found' };
      const location = `https://objects.githubusercontent.com/production${path}?X-Amz-Signature=f00&X-Amz-Expires=300`;
      return { status: 302, headers: { location } };
    },
    'objects.githubusercontent.com': ({ path, query, headers }) => {
      if (headers.authorization !== undefined) return { status: 400, body: twoMechanisms };
      if (query.get('X-Amz-Signature') !== 'f00') return { status: 403, body: '<Code>AccessDenied</Code>' };
      return fileAt(shelf, path) ?? { status: 404 };
    },
  };
}

/** Private Pages: whoever is not signed in gets the way to a page to sign in at. */
export function privatePages(): Readonly<Record<string, Site>> {
  return {
    'acme.github.io': () => ({ status: 302, headers: { location: 'https://github.com/login?return_to=pages' } }),
    'github.com': () => ({ headers: page, body: '<!DOCTYPE html><title>Sign in to GitHub</title>' }),
  };
}

const page = { 'content-type': 'text/html; charset=utf-8' };
const twoMechanisms = '<Error><Code>InvalidArgument</Code><Message>Only one auth mechanism allowed</Message></Error>';
