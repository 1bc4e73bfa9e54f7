import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from '@prometheus-io/client';

import type { Operator, Status, Telemetry, UpstreamActivity, UpstreamStatus } from '../mirror/contract/operator.ts';
import { doors, type Door, type Exchange } from './exchange.ts';

/** What the metrics tell beside the process's own. */
export interface MetricsParts {
  readonly operator: Operator;
  readonly telemetry: Telemetry;
  /** Whether clients should be sent here. */
  readonly ready: () => boolean;
  /** Of Chartroom. */
  readonly version: string;
  /** How many client connections are open. */
  readonly connections: () => number;
  /** The longest time for which the event loop stood still since this was asked last. */
  readonly stallSeconds: () => number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

const buckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** What one door has answered since the start. */
interface DoorTraffic {
  /** How often each status was answered. */
  readonly answers: Map<number, number>;
  readonly duration: { observe(seconds: number): void };
  bytes: number;
  aborted: number;
}

/**
 * The metrics of one server, in a registry of its own. Counting a request is a few additions; everything else is worked
 * out when somebody asks. Labels are doors, statuses, upstreams, reasons and fault codes: never what a client wrote.
 */
export class Metrics {
  readonly #registry = new Registry();
  readonly #traffic: ReadonlyMap<Door, DoorTraffic>;

  /** Asked for once for all that is made of it. */
  #status: Status | undefined;

  constructor(parts: MetricsParts) {
    this.#traffic = addTraffic(this.#registry);
    const status = (): Status => (this.#status ??= parts.operator.status());
    addServerGauges(this.#registry, parts, status);
    addUpstreamGauges(this.#registry, parts, status);
    addActivity(this.#registry, parts);
    collectDefaultMetrics({ register: this.#registry });
  }

  /** Counts an answer that is finished or broke off. */
  count(exchange: Exchange, milliseconds: number): void {
    const traffic = this.#traffic.get(exchange.door);
    if (!traffic) return;
    const status = exchange.seenStatus;
    traffic.answers.set(status, (traffic.answers.get(status) ?? 0) + 1);
    traffic.duration.observe(milliseconds / 1000);
    if (exchange.writableFinished) traffic.bytes += exchange.bodyBytes;
    else traffic.aborted += 1;
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Everything in Prometheus' text form. */
  render(): Promise<string> {
    this.#status = undefined;
    return this.#registry.metrics();
  }
}

function addTraffic(registry: Registry): ReadonlyMap<Door, DoorTraffic> {
  const duration = new Histogram({
    name: 'chartroom_http_request_duration_seconds',
    help: 'From the request to the end of its answer.',
    labelNames: ['door'],
    buckets,
    registers: [registry],
  });
  const traffic = new Map(
    doors.map((door): [Door, DoorTraffic] => {
      duration.zero({ door });
      return [door, { answers: new Map(), duration: duration.labels(door), bytes: 0, aborted: 0 }];
    }),
  );
  addCounter(
    registry,
    'http_requests_total',
    'Answers, by what was asked for and by status.',
    ['door', 'status'],
    (put) => {
      for (const [door, { answers }] of traffic) {
        for (const [status, times] of answers) put(times, { door, status: String(status) });
      }
    },
  );
  addCounter(registry, 'http_response_bytes_total', 'Bytes of the bodies of finished answers.', ['door'], (put) => {
    for (const [door, { bytes }] of traffic) put(bytes, { door });
  });
  const aborted = 'Answers that did not reach their end: the client left, or the body broke off.';
  addCounter(registry, 'http_aborted_total', aborted, ['door'], (put) => {
    for (const [door, { aborted: times }] of traffic) put(times, { door });
  });
  return traffic;
}

type Labels = Readonly<Record<string, string>>;
type Put = (value: number, labels?: Labels) => void;

/** A gauge that is filled anew whenever somebody asks. */
function addGauge(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly string[],
  fill: (put: Put) => void,
): void {
  new Gauge({
    name: `chartroom_${name}`,
    help,
    labelNames,
    registers: [registry],
    collect() {
      this.reset();
      fill((value, labels = {}) => this.set(labels, value));
    },
  });
}

/** A counter of what was counted elsewhere. */
function addCounter(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly string[],
  fill: (put: Put) => void,
): void {
  new Counter({
    name: `chartroom_${name}`,
    help,
    labelNames,
    registers: [registry],
    collect() {
      this.reset();
      fill((value, labels = {}) => this.inc(labels, value));
    },
  });
}

function addServerGauges(
  registry: Registry,
  { ready, version, connections, stallSeconds }: MetricsParts,
  status: () => Status,
): void {
  addGauge(registry, 'info', 'Always 1; its label is what this is about.', ['version'], (put) => put(1, { version }));
  addGauge(registry, 'http_connections', 'Open client connections.', [], (put) => put(connections()));
  const stall = 'The longest time for which the event loop stood still since the last look.';
  addGauge(registry, 'event_loop_stall_seconds', stall, [], (put) => put(stallSeconds()));
  addGauge(registry, 'ready', 'Whether clients should be sent here.', [], (put) => put(+ready()));
  const loads = 'Whether the last attempt to load the configuration succeeded.';
  addGauge(registry, 'config_last_reload_successful', loads, [], (put) =>
    put(+(status().configuration.state === 'ok')),
  );
  const loaded = 'When the configuration that is served from was loaded: seconds since the epoch.';
  addGauge(registry, 'config_last_reload_success_timestamp_seconds', loaded, [], (put) =>
    put(Date.parse(status().configuration.loadedAt) / 1000),
  );
  addGauge(registry, 'store_up', 'Whether the store answers.', [], (put) => put(+(status().store.state === 'ok')));
}

const counts = [
  ['charts', 'Charts in the catalog.'],
  ['versions', 'Chart versions in the catalog.'],
  ['held', 'Chart versions whose archive is in the store.'],
  ['withdrawn', 'Chart versions that the upstream no longer lists.'],
  ['rewritten', 'Chart versions that the upstream has changed since.'],
  ['contested', 'Chart names that another upstream provides.'],
  ['bytes', 'Bytes of the archives held.'],
] as const;

function addUpstreamGauges(registry: Registry, { now }: MetricsParts, status: () => Status): void {
  const perUpstream = (
    name: string,
    help: string,
    labelNames: readonly string[],
    fill: (upstream: UpstreamStatus, put: Put) => void,
  ): void =>
    addGauge(registry, `upstream_${name}`, help, ['upstream', ...labelNames], (put) => {
      for (const upstream of status().upstreams) {
        fill(upstream, (value, labels) => put(value, { upstream: upstream.name, ...labels }));
      }
    });

  perUpstream('up', 'Whether the last attempt at a listing succeeded.', [], (upstream, put) =>
    put(+(upstream.state === 'ok')),
  );
  const age = 'Since the last good listing. Absent until there was one.';
  perUpstream('last_listing_age_seconds', age, [], (upstream, put) => {
    if (upstream.lastSuccess) put(Math.max(0, (now() - Date.parse(upstream.lastSuccess)) / 1000));
  });
  perUpstream('fault', '1 for the fault of the last attempt.', ['code'], (upstream, put) => {
    if (upstream.fault) put(1, { code: upstream.fault.code });
  });
  perUpstream('rejected_rows', 'Rows of the last good listing that were dropped.', ['reason'], (upstream, put) => {
    for (const [reason, rows] of Object.entries(upstream.rejected)) put(rows, { reason });
  });
  const provenance = 'Chart versions held, by what their provenance turned out to be. Absent where it is not checked.';
  perUpstream('provenance_versions', provenance, ['result'], (upstream, put) => {
    const { mode: _, ...results } = upstream.provenance ?? {};
    for (const [result, versions] of Object.entries(results)) put(versions, { result });
  });
  for (const [count, help] of counts) perUpstream(count, help, [], (upstream, put) => put(upstream.counts[count]));
}

/** What the work on the upstreams has come to. A result is one of the contract's words or a fault's code. */
function addActivity(registry: Registry, { telemetry }: MetricsParts): void {
  const byResult = (name: string, help: string, results: (of: UpstreamActivity) => ReadonlyMap<string, number>): void =>
    addCounter(registry, `upstream_${name}_total`, help, ['upstream', 'result'], (put) => {
      for (const activity of telemetry.activity()) {
        for (const [result, times] of results(activity)) put(times, { upstream: activity.name, result });
      }
    });
  byResult('syncs', 'Syncs that ended.', ({ syncs }) => syncs);
  byResult('fills', 'Archives that were fetched, or were not.', ({ fills }) => fills);
  addGauge(registry, 'upstream_queue_length', 'Versions that wait to be fetched ahead.', ['upstream'], (put) => {
    for (const { name, queued } of telemetry.activity()) put(queued, { upstream: name });
  });
  const lease = 'Whether this process does the upstream work now.';
  addGauge(registry, 'lease_held', lease, [], (put) => put(+telemetry.holdsLease()));
  const damaged = 'Blobs that were found damaged or lost while serving.';
  addCounter(registry, 'damaged_blobs_total', damaged, [], (put) => put(telemetry.damagedBlobs()));
}
