import { Hono, type Context } from 'hono';

import { Fault } from '../chart/fault.ts';
import type { Log } from '../lib/log.ts';
import type { Secret } from '../lib/secret.ts';
import type { Operator, UpstreamStatus } from '../mirror/contract.ts';
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
  api.get('/v1/upstreams/:name', (c) => sendJson(c, 200, upstreamOf(operator, c.req.param('name'))));
  api.post('/v1/upstreams/:name/sync', (c) => sync(c, c.req.param('name'), parts));
  api.all('/v1/status', (c) => refuseMethod(c, 'GET, HEAD'));
  api.all('/v1/upstreams/:name', (c) => refuseMethod(c, 'GET, HEAD'));
  api.all('/v1/upstreams/:name/sync', (c) => refuseMethod(c, 'POST'));
  api.all('*', () => {
    throw new Fault('not-found', 'The API has no such address.', 'GET /api/v1/status is one it has.');
  });
  app.route('/api', api);
}

function upstreamOf(operator: Operator, name: string): UpstreamStatus {
  const upstream = operator.status().upstreams.find((one) => one.name === name);
  if (upstream) return upstream;
  throw new Fault('not-found', 'There is no upstream of this name.', 'GET /api/v1/status names those there are.');
}

async function sync(c: Context<ServerEnv>, name: string, { operator, adminToken }: ApiParts): Promise<Response> {
  if (!(await mayChange(adminToken, c.env.incoming.headers.authorization))) return refuseToken(c);
  if (Object.keys(c.req.query()).length > 0) {
    throw new Fault('bad-request', 'A sync takes no parameters.', 'Leave out what follows the question mark.');
  }
  return sendJson(c, 200, await operator.sync(name));
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
