import type { Site } from '../internet.ts';
import { basicOf, fileAt, indexOf, validated, type Shelved } from './shelf.ts';

/** `dl.cloudsmith.io`: an entitlement token as the first segment of the path, and so in every url; or Basic below `/basic/`. */
export function cloudsmith(shelf: readonly Shelved[], token: string): Site {
  return (request) => {
    const [, entrance = '', rest = ''] = /^\/([^/]+)\/acme\/charts\/helm\/charts\/(.+)$/.exec(request.path) ?? [];
    const isBasic = entrance === 'basic' && request.headers.authorization === basicOf('token', token);
    if (entrance !== token && !isBasic) return refused;
    const urlOf = ({ file }: Shelved): string => `https://dl.cloudsmith.io/${entrance}/acme/charts/helm/charts/${file}`;
    const body = rest === 'index.yaml' ? indexOf(shelf, { urlOf }) : fileAt(shelf, rest)?.body;
    return body === undefined ? { status: 404, body: 'Not Found' } : validated(request, body);
  };
}

const refused = {
  status: 401,
  headers: { 'content-type': 'application/json', 'www-authenticate': 'Basic realm="Cloudsmith"' },
  body: '{"detail":"Invalid or missing entitlement token."}',
};
