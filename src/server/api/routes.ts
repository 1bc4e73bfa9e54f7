import { Hono, type Context } from 'hono';
import { z } from 'zod';

import { Fault } from '../../chart/fault.ts';
import { mayChange } from '../access.ts';
import type { ServerEnv } from '../exchange.ts';
import { understand } from '../faults.ts';
import { sendFaultJson, sendJson, sendJsonIfChanged, type Headers } from '../send.ts';
import { describeApi } from './document.ts';
import { operating } from './operating.ts';
import { operation, type ApiParts, type Asked, type Operation } from './operation.ts';
import { readParameters, readQuery } from './parameters.ts';
import { reading } from './reading.ts';

/** Every address of the API: the routes and the description are made of this. */
export function apiOperations(): readonly Operation[] {
  let described: object | undefined;
  const all: readonly Operation[] = [
    ...operating,
    ...reading,
    operation({
      id: 'describeApi',
      method: 'get',
      path: '/api/v1/openapi.json',
      summary: 'This description',
      description: 'OpenAPI 3.1.',
      parameters: {},
      query: {},
      answer: z.record(z.string(), z.unknown()),
      example: { openapi: '3.1.0' },
      otherStatuses: [],
      revalidated: true,
      run: ({ version }) => (described ??= describeApi(all, version)) as Readonly<Record<string, unknown>>,
    }),
  ];
  return all;
}

/** `/api/v1/...` of configuration.md section 2: reading is open, changing needs the admin token. All answers are JSON. */
export function addApi(app: Hono<ServerEnv>, parts: ApiParts): void {
  const operations = apiOperations();
  const api = new Hono<ServerEnv>();
  api.onError((error, c) => {
    const asked = c.env.incoming.method === 'POST' ? 'change' : 'read';
    return sendFaultJson(c, understand(error, parts.log, c.req.path), asked);
  });
  api.use('/api/*', async (c, next) => {
    c.env.outgoing.door = 'api';
    await next();
  });
  for (const one of operations) api.on(one.method.toUpperCase(), routeOf(one), (c) => answer(c, parts, one));
  for (const one of operations) api.all(routeOf(one), (c) => refuseMethod(c, one));
  api.all('/api/*', () => {
    throw new Fault('not-found', 'The API has no such address.', 'GET /api/v1/openapi.json describes those it has.');
  });
  app.route('/', api);
}

/** A path as Hono writes it. */
function routeOf({ path }: Operation): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1');
}

async function answer(c: Context<ServerEnv>, parts: ApiParts, one: Operation): Promise<Response> {
  const { authorization } = c.env.incoming.headers;
  // whoever may not change anything learns nothing of what they asked for
  if (one.method === 'post' && !(await mayChange(parts.adminToken(), authorization))) return refuseToken(c);
  const asked = read(c, one);
  const document = await one.run(parts, asked);
  c.env.outgoing.repository = asked.path['repository'] as string | undefined;
  const next = one.next?.(asked, document);
  const headers: Headers = next === undefined ? {} : { Link: `<?${next}>; rel="next"` };
  return one.revalidated ? sendJsonIfChanged(c, document, headers) : sendJson(c, 200, document, headers);
}

function read(c: Context<ServerEnv>, { parameters, query }: Operation): Asked {
  const { incoming, outgoing } = c.env;
  const path = readParameters(parameters, c.req.param() as Readonly<Record<string, string>>);
  const { chart, version } = path as Readonly<Record<string, string | undefined>>;
  Object.assign(outgoing, { chart, version });
  return { path, query: readQuery(query, new URL(c.req.url).search), host: incoming.headers.host };
}

function refuseToken(c: Context<ServerEnv>): Response {
  const message = 'This needs the admin token, and the request brought none or another.';
  const error = { code: 'unauthorized', message, advice: 'Send it as Authorization: Bearer <token>.' };
  return sendJson(c, 401, { error }, { 'WWW-Authenticate': 'Bearer realm="chartroom"' });
}

function refuseMethod(c: Context<ServerEnv>, { method }: Operation): Response {
  const allow = method === 'get' ? 'GET, HEAD' : 'POST';
  const error = { code: 'bad-request', message: 'This address does not take that method.', advice: `Use ${allow}.` };
  return sendJson(c, 405, { error }, { Allow: allow });
}
