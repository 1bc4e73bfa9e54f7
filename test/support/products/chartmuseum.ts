import type { Site, SiteAnswer } from '../internet.ts';
import { fileAt, indexOf, type Shelved } from './shelf.ts';

export interface ChartMuseumOptions {
  /** Path of the tenant, `/org/repo`; empty for one tenant. */
  readonly tenant?: string;
  /** The value of `Authorization` it takes; absent for everybody. */
  readonly authorization?: string;
  /** `--chart-url`: urls become absolute. */
  readonly chartUrl?: string;
  readonly now?: () => string;
}

/** ChartMuseum: no validators, a new `generated` with every answer, errors in JSON. */
export function chartMuseum(shelf: readonly Shelved[], options: ChartMuseumOptions = {}): Site {
  const { tenant = '', authorization, chartUrl, now = () => new Date().toISOString() } = options;
  return ({ path, headers }) => {
    if (authorization !== undefined && headers.authorization !== authorization) {
      return unauthorized(authorization, tenant);
    }
    if (path === `${tenant}/index.yaml`) {
      const urlOf = ({ file }: Shelved): string => `${chartUrl === undefined ? '' : `${chartUrl}/`}charts/${file}`;
      const index = { ...(JSON.parse(indexOf(shelf, { urlOf, generated: now() })) as object), serverInfo: {} };
      return { headers: { 'content-type': 'application/x-yaml' }, body: JSON.stringify(index) };
    }
    const file = path.startsWith(`${tenant}/charts/`) ? fileAt(shelf, path) : undefined;
    return file ?? { status: 404, headers: json, body: '{"error":"not found"}' };
  };
}

const json = { 'content-type': 'application/json; charset=utf-8' };

function unauthorized(expected: string, tenant: string): SiteAnswer {
  const challenge = expected.startsWith('Basic ')
    ? 'Basic realm="ChartMuseum"'
    : `Bearer realm="https://auth.corp/token",service="charts.corp",scope="artifact-repository:${tenant.slice(1)}:pull"`;
  return { status: 401, headers: { ...json, 'www-authenticate': challenge }, body: '{"error":"unauthorized"}' };
}
