import { Hono, type Context } from 'hono';

import { Fault } from '../chart/fault.ts';
import type { Log } from '../lib/log.ts';
import type { ApiParts } from './api/operation.ts';
import { addApi } from './api/routes.ts';
import { addChartRepository, type ChartRepositoryParts } from './chart-repository.ts';
import type { ServerEnv } from './exchange.ts';
import { understand } from './faults.ts';
import { addOciRegistry, type OciRegistryParts } from './oci-registry.ts';
import { addOperations, type OperationsParts } from './operations.ts';
import { RememberingRouter } from './remembering-router.ts';
import { sendFaultText, sendText } from './send.ts';

/** What the front doors answer from. */
export interface DoorsParts extends ChartRepositoryParts, OciRegistryParts {
  /** Of Chartroom. */
  readonly version: string;
  /** Where clients find us, when that was said. */
  readonly publicUrl: () => string | undefined;
}

/** The parts of `/api`, the probes and the metrics. */
export type OperationsDoorParts = ApiParts & OperationsParts;

/**
 * The addresses of one listener: the front doors, the operations, or both. A chart's path meets no middleware, since
 * that would make its answer asynchronous.
 */
export function createApp(
  log: Log,
  doors: DoorsParts | undefined,
  operations: OperationsDoorParts | undefined,
): Hono<ServerEnv> {
  const app = new Hono<ServerEnv>({ router: new RememberingRouter() });
  if (doors) {
    // first: whatever is below /v2/ is the registry's
    addOciRegistry(app, doors);
    addChartRepository(app, doors);
    app.get('/', (c) => welcome(c, doors));
  }
  if (operations) {
    addOperations(app, operations);
    addApi(app, operations);
  }
  // last: whatever has an address of its own goes before names
  if (doors)
    for (const path of ['/:repository', '/:repository/']) app.get(path, (c, next) => introduce(c, doors, next));
  app.onError((error, c) => sendFaultText(c, understand(error, log, c.req.path)));
  app.notFound((c) => refuseAddress(c, doors ? 'GET / says where charts are.' : operationsHere));
  return app;
}

const operationsHere = 'Charts are at another port; here are /livez, /readyz, /metrics and /api.';

/** No such address, or a method that no address here has. */
function refuseAddress(c: Context<ServerEnv>, advice: string): Response {
  const { method } = c.env.incoming;
  if (method === 'GET' || method === 'HEAD') {
    return sendFaultText(c, new Fault('not-found', 'There is nothing at this address.', advice));
  }
  return sendText(c, 405, 'This address can only be read: use GET or HEAD.', { Allow: 'GET, HEAD' });
}

/** Says where charts are. Never by the host that a client names. */
function welcome(c: Context<ServerEnv>, doors: DoorsParts): Response {
  const repositories = doors.mirror.repositories();
  const root: readonly Place[] = repositories.some((one) => one.root) ? [{ as: 'charts', path: '' }] : [];
  const named = repositories.map(({ name }) => ({ as: name, path: `/${name}` }));
  const how = doors.publicUrl() === undefined ? 'Use them with the address you are reading this at:' : 'Use them with:';
  const places = [...root, ...(root.length === 0 || named.length > 1 ? named : [])];
  return sendPlaces(c, doors, { how, here: '<this address>', places });
}

/** The same of one repository at its own address. */
function introduce(c: Context<ServerEnv>, doors: DoorsParts, next: () => Promise<void>): Response | Promise<void> {
  const name = c.req.param('repository') ?? '';
  if (!doors.mirror.repositories().some((repository) => repository.name === name)) return next();
  c.env.outgoing.repository = name;
  const places = [{ as: name, path: `/${name}` }];
  return sendPlaces(c, doors, { how: 'Use it with:', here: '<address of this server>', places });
}

/** A repository as clients add it. */
interface Place {
  readonly as: string;
  readonly path: string;
}

interface Places {
  readonly how: string;
  /** What stands for our address where nobody said it. */
  readonly here: string;
  readonly places: readonly Place[];
}

function sendPlaces(c: Context<ServerEnv>, doors: DoorsParts, { how, here, places }: Places): Response {
  c.env.outgoing.door = 'welcome';
  const url = doors.publicUrl();
  const registry = registryAt(url);
  const option = url?.startsWith('http:') ? ' --plain-http' : '';
  const pulls = places.map(({ path }) => `  helm pull oci://${registry}${path}/<chart>${option}`);
  const text = [
    `Chartroom ${doors.version}: Helm charts from every upstream, at one address.`,
    '',
    how,
    '',
    ...places.map(({ as, path }) => `  helm repo add ${as} ${url ?? here}${path}`),
    ...(registry === undefined ? [] : ['', 'or as a registry:', '', ...pulls]),
  ];
  return sendText(c, 200, text.join('\n'));
}

/** The host of the registry that we are; undefined where the public address has a path, since a registry has none. */
function registryAt(publicUrl: string | undefined): string | undefined {
  if (publicUrl === undefined) return '<this host>';
  const { host, pathname } = new URL(publicUrl);
  return pathname === '/' ? host : undefined;
}
