import type { Site } from '../internet.ts';
import { fileAt, indexOf, type Shelved } from './shelf.ts';

export interface HarborChartsOptions {
  readonly project: string;
  /** The value of `Authorization` it takes. */
  readonly authorization: string;
  /** From 2.8 on there is no such endpoint. */
  readonly removed?: boolean;
}

/** Harbor up to 2.7 with ChartMuseum behind it: no validators, Basic only, errors as Harbor writes them. */
export function harborCharts(shelf: readonly Shelved[], options: HarborChartsOptions): Site {
  const base = `/chartrepo/${options.project}`;
  const problem = (status: number, code: string, headers = {}) => ({
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ errors: [{ code, message: code.toLowerCase() }] }),
  });
  return ({ path, headers }) => {
    if (options.removed) return problem(404, 'NOT_FOUND');
    if (headers.authorization !== options.authorization) {
      return problem(401, 'UNAUTHORIZED', { 'www-authenticate': 'Basic realm="harbor"' });
    }
    if (path === `${base}/index.yaml`) {
      const generated = new Date().toISOString();
      return { body: indexOf(shelf, { urlOf: ({ file }) => `charts/${file}`, generated }) };
    }
    const file = path.startsWith(`${base}/charts/`) ? fileAt(shelf, path) : undefined;
    return file ?? problem(404, 'NOT_FOUND');
  };
}
