import { Hono, type Context } from 'hono';

import { Fault } from '../chart/fault.ts';
import type { Log } from '../lib/log.ts';
import type { Mirror } from '../mirror/contract.ts';
import { addApi, type ApiParts } from './api.ts';
import { addChartRepository, type ChartRepositoryParts } from './chart-repository.ts';
import type { ServerEnv } from './exchange.ts';
import { understand } from './faults.ts';
import { addOperations, type OperationsParts } from './operations.ts';
import { RememberingRouter } from './remembering-router.ts';
import { sendFaultText, sendText } from './send.ts';

/** What the front doors answer from. */
export interface DoorsParts extends ChartRepositoryParts {
  /** Of Chartroom. */
  readonly version: string;
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
    addChartRepository(app, doors);
    app.get('/', (c) => welcome(c, doors.mirror, doors.version));
  }
  if (operations) {
    addOperations(app, operations);
    addApi(app, operations);
  }
  app.onError((error, c) => sendFaultText(c, understand(error, log, c.req.path)));
  app.notFound((c) =>
    refuseAddress(c, doors ? 'The index is at /index.yaml, and GET / says what else there is.' : operationsHere),
  );
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

function welcome(c: Context<ServerEnv>, mirror: Mirror, version: string): Response {
  c.env.outgoing.door = 'welcome';
  const repositories = mirror.repositories();
  const paths = repositories.flatMap(({ name, root }) => (root ? ['/', `/${name}/`] : [`/${name}/`]));
  return sendText(
    c,
    200,
    [
      `Chartroom ${version}: Helm charts from every upstream, at one address.`,
      '',
      'Use them with the address you are reading this at:',
      '',
      '  helm repo add charts <this address>',
      '',
      `Repositories answer at ${paths.join(', ')}`,
    ].join('\n'),
  );
}
