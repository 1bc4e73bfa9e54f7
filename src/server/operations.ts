import type { Hono } from 'hono';

import type { Operator } from '../mirror/contract/operator.ts';
import type { ServerEnv } from './exchange.ts';
import type { Metrics } from './metrics.ts';
import { sendBuffer, sendJson, sendText } from './send.ts';

/** What the probes and the metrics answer from. */
export interface OperationsParts {
  readonly operator: Operator;
  readonly metrics: Metrics;
  readonly draining: () => boolean;
}

/**
 * `/livez` touches nothing: it answers while the event loop turns. `/readyz` is 503 until the operator is ready and again
 * from the moment the server drains, with the parts that are waited for. `/metrics` is Prometheus' text form.
 */
export function addOperations(app: Hono<ServerEnv>, { operator, metrics, draining }: OperationsParts): void {
  app.get('/livez', (c) => {
    c.env.outgoing.door = 'operations';
    return sendText(c, 200, 'ok');
  });
  app.get('/readyz', (c) => {
    c.env.outgoing.door = 'operations';
    const { ready, waitingFor, degraded } = operator.readiness();
    const answering = ready && !draining();
    return sendJson(c, answering ? 200 : 503, {
      ready: answering,
      waitingFor: draining() ? ['this server is shutting down', ...waitingFor] : waitingFor,
      degraded,
    });
  });
  app.get('/metrics', async (c) => {
    c.env.outgoing.door = 'operations';
    const headers = { 'Content-Type': metrics.contentType, 'Cache-Control': 'no-store' };
    return sendBuffer(c, 200, headers, Buffer.from(await metrics.render()));
  });
}
