import { hexDigest } from '../charts.ts';
import type { Site, SiteAnswer, SiteRequest } from '../internet.ts';
import { basicOf, fileAt, indexOf, type Shelved } from './shelf.ts';

export interface GitlabFixture {
  /** Oldest first. */
  readonly shelf: readonly Shelved[];
  readonly username: string;
  readonly token: string;
  /** A deploy token: good for the charts, unknown to the rest of the API. */
  readonly deployToken?: boolean;
  /** Files that lie in another channel: packages of the project, but not of this index. */
  readonly otherChannel?: readonly string[];
}

const maxPackages = 1000;
const project = '/api/v4/projects/42/packages';

/** GitLab: Basic alone for Helm's addresses, tokens in headers of their own for its API, and the newest 1,000 packages. */
export function gitlab(fixture: GitlabFixture): Site {
  return (request) => (request.path.startsWith(`${project}/helm/`) ? helm(fixture, request) : api(fixture, request));
}

function helm(
  { shelf, username, token, otherChannel = [] }: GitlabFixture,
  { path, headers }: SiteRequest,
): SiteAnswer {
  if (headers.authorization !== basicOf(username, token)) {
    return {
      status: 401,
      headers: { ...json, 'www-authenticate': 'Basic realm="GitLab Packages Registry"' },
      body: unauthorized,
    };
  }
  const channel = shelf.filter(({ file }) => !otherChannel.includes(file));
  if (path === `${project}/helm/stable/index.yaml`) {
    const newest = channel.slice(-maxPackages);
    const generated = new Date().toISOString();
    const body = indexOf(newest, { urlOf: ({ file }) => `charts/${file}`, generated });
    return { headers: { 'content-type': 'text/yaml', etag: `W/"${hexDigest(Buffer.from(body))}"` }, body };
  }
  const isArchive = path.startsWith(`${project}/helm/stable/charts/`) && path.endsWith('.tgz');
  return (isArchive ? fileAt(channel, path) : undefined) ?? { status: 404, headers: json, body: notFound };
}

function api({ shelf, token, deployToken }: GitlabFixture, { path, query, headers }: SiteRequest): SiteAnswer {
  const isKnown = !deployToken && (headers['private-token'] === token || headers.authorization === `Bearer ${token}`);
  if (!isKnown) return { status: 401, headers: json, body: unauthorized };
  if (path !== project) return { status: 404, headers: json, body: notFound };
  const size = Math.min(Number(query.get('per_page') ?? 20), 100);
  const page = Number(query.get('page') ?? 1);
  const rows = shelf.slice((page - 1) * size, page * size).map(({ name, version }, at) => ({
    ...{ id: (page - 1) * size + at + 1, name, version, package_type: 'helm', status: 'default' },
  }));
  const next = page * size < shelf.length ? String(page + 1) : '';
  return { headers: { ...json, 'x-next-page': next, 'x-page': String(page) }, body: JSON.stringify(rows) };
}

const json = { 'content-type': 'application/json' };
const unauthorized = '{"message":"401 Unauthorized"}';
const notFound = '{"message":"404 Not Found"}';
