import { Hono, type Context } from 'hono';

import { Fault } from '../chart/fault.ts';
import { isChartName } from '../chart/names.ts';
import { isChartVersion } from '../chart/version.ts';
import type { Log } from '../lib/log.ts';
import type { Secret } from '../lib/secret.ts';
import type { Operator } from '../mirror/contract.ts';
import { mayChange } from './access.ts';
import type { ServerEnv } from './exchange.ts';
import { understand } from './faults.ts';
import { sendFaultJson, sendJson } from './send.ts';

/** What the API answers from. */
export interface ApiParts {
  readonly operator: Operator;
  /** Without one nothing can be changed. */
  readonly adminToken: Secret | undefined;
  readonly draining: () => boolean;
  readonly log: Log;
}

const upstream = '/v1/upstreams/:name';
const syncOfUpstream = `${upstream}/sync`;
const acceptOfVersion = `${upstream}/charts/:chart/:version/accept`;

/** `/api/v1/...` of configuration.md section 2: reading is open, changing needs the admin token. All answers are JSON. */
export function addApi(app: Hono<ServerEnv>, parts: ApiParts): void {
  const { operator, draining } = parts;
  const api = new Hono<ServerEnv>();
  api.onError((error, c) => {
    const asked = c.env.incoming.method === 'POST' ? 'change' : 'read';
    return sendFaultJson(c, understand(error, parts.log, c.req.path), asked);
  });
  api.use(async (c, next) => {
    c.env.outgoing.door = 'api';
    await next();
  });
  api.get('/v1/status', (c) => {
    const status = operator.status();
    return sendJson(c, 200, { ...status, ready: status.ready && !draining() });
  });
  api.get(upstream, (c) => sendJson(c, 200, operator.upstream(c.req.param('name'))));
  api.post(syncOfUpstream, (c) => change(c, parts, () => sync(c, operator)));
  api.post(acceptOfVersion, (c) => change(c, parts, () => accept(c, operator)));
  api.all('/v1/status', (c) => refuseMethod(c, 'GET, HEAD'));
  api.all(upstream, (c) => refuseMethod(c, 'GET, HEAD'));
  api.all(syncOfUpstream, (c) => refuseMethod(c, 'POST'));
  api.all(acceptOfVersion, (c) => refuseMethod(c, 'POST'));
  api.all('*', () => {
    throw new Fault('not-found', 'The API has no such address.', 'GET /api/v1/status is one it has.');
  });
  app.route('/api', api);
}

/** Whoever may not change anything learns nothing of what they asked for. */
async function change(c: Context<ServerEnv>, parts: ApiParts, work: () => Promise<unknown>): Promise<Response> {
  if (!(await mayChange(parts.adminToken, c.env.incoming.headers.authorization))) return refuseToken(c);
  return sendJson(c, 200, await work());
}

async function sync(c: Context<ServerEnv>, operator: Operator): Promise<unknown> {
  const query = queryOf(c);
  if (query !== '' && query !== '?accept=shrink') {
    throw new Fault('bad-request', 'A sync takes no such parameter.', 'The only one there is is accept=shrink.');
  }
  return operator.sync(c.req.param('name') ?? '', { acceptShrink: query !== '' });
}

/** What is held now: that, and not from where. */
async function accept(c: Context<ServerEnv>, operator: Operator): Promise<unknown> {
  if (queryOf(c) !== '') {
    throw new Fault('bad-request', 'This address takes no parameters.', 'Leave out what follows the question mark.');
  }
  const { name = '', chart = '', version = '' } = c.req.param();
  if (!isChartName(chart)) throw badName('chart name', 'Names are as the index has them.');
  if (!isChartVersion(version))
    throw badName('version', 'A semantic version such as 1.2.3, of at most 128 characters.');
  c.env.outgoing.chart = chart;
  c.env.outgoing.version = version;
  const { archive, heldAt } = await operator.accept({ upstream: name, chart, version });
  return { chart, version, archive, heldAt };
}

function queryOf(c: Context<ServerEnv>): string {
  return new URL(c.req.url).search;
}

function badName(what: string, advice: string): Fault {
  return new Fault('bad-request', `The ${what} in this address is not valid.`, advice);
}

function refuseToken(c: Context<ServerEnv>): Response {
  const message = 'This needs the admin token, and the request brought none or another.';
  const error = { code: 'unauthorized', message, advice: 'Send it as Authorization: Bearer <token>.' };
  return sendJson(c, 401, { error }, { 'WWW-Authenticate': 'Bearer realm="chartroom"' });
}

function refuseMethod(c: Context<ServerEnv>, allow: string): Response {
  const error = { code: 'bad-request', message: 'This address does not take that method.', advice: `Use ${allow}.` };
  return sendJson(c, 405, { error }, { Allow: allow });
}
