import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Secret } from '../lib/secret.ts';
import type { Mirror, Provenances } from '../mirror/contract/doors.ts';
import type { Explainer } from '../mirror/contract/explain.ts';
import type { ImageLists, Images } from '../mirror/contract/images.ts';
import type { Library } from '../mirror/contract/library.ts';
import type { Operator, Telemetry } from '../mirror/contract/operator.ts';
import type { DoorsPlace } from './api/addresses.ts';
import { createApp } from './app.ts';
import type { ListenAddress, Listener, ListenOptions, ServerTls } from './listen.ts';
import { Metrics } from './metrics.ts';
import { Ports } from './ports.ts';
import { createReceive, type Receive } from './receive.ts';
import { StallMeter } from './stall.ts';

export interface ServerStartOptions {
  /** Of the front doors. */
  readonly listen: ListenAddress;
  /** Of the probes, the metrics and the API: `same` as the front doors, or a place of their own. */
  readonly operations: 'same' | ListenAddress;
  /** For both. */
  readonly tls?: ServerTls | undefined;
  /** On each port; more are told 503. */
  readonly maxConnections?: number | undefined;
  /** How long new connections are still accepted once draining. */
  readonly lingerMs?: number | undefined;
  readonly mirror: Mirror;
  readonly provenances: Provenances;
  readonly images: Images & ImageLists;
  readonly operator: Operator;
  readonly telemetry: Telemetry;
  readonly library: Library;
  readonly explainer: Explainer;
  /** `http(s)://host[:port][/path]`: where clients find the front doors, as far as that is configured. */
  readonly publicUrl: () => string | undefined;
  /** Without one nothing can be changed over the API. */
  readonly adminToken: () => Secret | undefined;
  /** Of Chartroom. */
  readonly version: string;
  readonly log: Log;
  readonly clock: Clock;
}

/** The front doors, open. */
export interface RunningServer {
  /** As it is in a URL, with the port that was chosen: `127.0.0.1:8080`, `[::1]:8080`. */
  readonly address: string;
  /** The same as `address` unless the operations have a place of their own. */
  readonly operationsAddress: string;
  /**
   * Shows new connections another certificate. Throws 'unavailable', and goes on with the one it has, when that does not
   * work. Does nothing for a server that was started without one.
   */
  present(tls: ServerTls): void;
  /**
   * Turns readiness off, ends connections with their next answer, lets answers that are under way finish, and resolves
   * when all are closed: after `graceMs` by force. Asked again it answers the same. Never rejects.
   */
  drain(graceMs: number): Promise<void>;
}

const usualMaxConnections = 10_000;
const usualLingerMs = 250;

/** Opens the front doors. Rejects with 'unavailable', and leaves nothing open, when a port cannot be had. */
export async function startServer(options: ServerStartOptions): Promise<RunningServer> {
  const { operator, telemetry, version, log, clock, operations } = options;
  const { maxConnections = usualMaxConnections, lingerMs = usualLingerMs } = options;
  const ports = new Ports(options.tls, log);
  let drained: Promise<void> | undefined;
  const draining = (): boolean => drained !== undefined;
  const stalls = new StallMeter();
  const metrics = new Metrics({
    operator,
    telemetry,
    stallSeconds: () => stalls.take(),
    ready: () => operator.readiness().ready && !draining(),
    version,
    connections: () => ports.connections,
    now: () => clock.now(),
  });
  const { library, explainer, adminToken } = options;
  const place = (): DoorsPlace => ({
    publicUrl: options.publicUrl(),
    address: ports.address,
    tls: options.tls !== undefined,
    shared: operations === 'same',
  });
  const api = { operator, library, explainer, adminToken, doors: place, version, draining, log };
  const operationsParts = { ...api, metrics };

  const openPort = (
    at: ListenAddress,
    option: ListenOptions['option'],
    app: ReturnType<typeof createApp>,
  ): Promise<Listener> => {
    const receive = (crowded: () => boolean): Receive => createReceive({ app, metrics, log, clock, draining, crowded });
    return ports.open({ at, option, maxConnections, clock, receive });
  };

  const doors = await openPort(
    options.listen,
    'server.listen',
    createApp(log, options, operations === 'same' ? operationsParts : undefined),
  );
  const others =
    operations === 'same'
      ? doors
      : await openPort(operations, 'server.operations', createApp(log, undefined, operationsParts)).catch(
          async (error: unknown) => {
            await doors.drain({ graceMs: 0, lingerMs: 0 });
            throw error;
          },
        );
  const close = async (graceMs: number): Promise<void> => {
    await doors.drain({ graceMs, lingerMs });
    if (others !== doors) await others.drain({ graceMs: 0, lingerMs: 0 });
    stalls.stop();
  };
  stalls.start();
  return {
    address: doors.address,
    operationsAddress: others.address,
    present: (tls) => ports.present(tls),
    drain: (graceMs) => (drained ??= close(graceMs)),
  };
}
