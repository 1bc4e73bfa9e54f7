import { parseArgs } from 'node:util';

import { compose } from '../../src/compose.ts';
import { loadConfig } from '../../src/config/load.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { openLog } from '../../src/lib/log.ts';
import type { Retention } from '../../src/mirror/duties.ts';

/*
 * `serve` as main.ts does it, with one difference: CHARTROOM_TEST_RETENTION says when the store is swept, so that a
 * server that lives for seconds sweeps as one that lives for days.
 */
const { values } = parseArgs({ options: { config: { type: 'string' } }, allowPositionals: true });
const loaded = await loadConfig(values.config, process.env);
if ('problems' in loaded) throw new Error(JSON.stringify(loaded.problems));
const { config } = loaded;
const retention = JSON.parse(process.env['CHARTROOM_TEST_RETENTION'] ?? 'null') as Retention | null;
const log = openLog({ level: config.log.level, format: 'json' });
const chartroom = compose({
  config,
  clock: systemClock,
  log,
  version: 'soak',
  ...(retention && { retention }),
});
const server = await chartroom.serve();
log.info({ address: `http://${server.address}` }, 'answering');
void log.flush();
void chartroom.engine.openPatiently().then(() => chartroom.engine.start());
process.once('SIGTERM', () => {
  chartroom.engine.quiesce();
  void server
    .drain(config.server.shutdownGraceMs)
    .then(() => chartroom.close())
    .then(() => log.flush());
});
