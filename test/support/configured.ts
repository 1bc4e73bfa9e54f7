import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { onTestFinished } from 'vitest';
import { parse, stringify } from 'yaml';

import { reviveFault, type PlainFault } from '../../src/chart/fault.ts';
import type { Closable } from '../../src/compose/parts.ts';
import { openUpstream, type OpenUpstream } from '../../src/compose/upstreams.ts';
import type { UpstreamConfig } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { describeProblem } from '../../src/config/problem.ts';
import type { Environment } from '../../src/config/secret.ts';
import { systemClock, type Clock } from '../../src/lib/clock.ts';
import { openLog, type Log } from '../../src/lib/log.ts';
import { Thread } from '../../src/lib/thread.ts';
import { SecureContexts } from '../../src/upstream/http/tls.ts';
import type { WorkerJobs } from '../../src/worker.ts';
import type { Internet } from './internet.ts';
import { temporaryFolder } from './temp.ts';

/** Where a configuration is tried out. */
export interface Surroundings {
  /** Reached through its proxy, its authority trusted. Absent: the machine itself. */
  readonly internet?: Internet | undefined;
  readonly environment?: Environment;
  /** Files beside the configuration, by name. */
  readonly files?: Readonly<Record<string, string>>;
  readonly clock?: Clock;
  readonly log?: Log;
}

/** An upstream of a configuration, put together as the program does. Closed with the test. */
export interface Configured extends OpenUpstream {
  readonly config: UpstreamConfig;
}

const recipes = join(import.meta.dirname, '../../docs/upstreams.md');

/** The first `yaml` block of a product's section in docs/upstreams.md. */
export async function recipeOf(product: string): Promise<string> {
  const sections = (await readFile(recipes, 'utf8')).split(/^##+ /m);
  const section = sections.find((text) => text.startsWith(`${product}\n`));
  const [, yaml] = /^```yaml\n(.*?)^```$/ms.exec(section ?? '') ?? [];
  if (yaml === undefined) throw new Error(`there is no recipe below the heading "${product}" in docs/upstreams.md`);
  return yaml;
}

/** The first upstream of a product's recipe, followed to the letter. */
export async function openRecipe(product: string, surroundings: Surroundings = {}): Promise<Configured> {
  return openConfigured(await recipeOf(product), surroundings);
}

/** The first upstream of a configuration. */
export async function openConfigured(yaml: string, surroundings: Surroundings = {}): Promise<Configured> {
  const { internet, files = {}, clock = systemClock, log = silent } = surroundings;
  const folder = await temporaryFolder();
  const file = join(folder, 'chartroom.yaml');
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  await writeFile(file, internet ? trusting(yaml, internet.caFile) : yaml);
  const way = internet && { HTTP_PROXY: internet.proxy, HTTPS_PROXY: internet.proxy };
  const loaded = await loadConfig(file, { ...way, ...surroundings.environment });
  if ('problems' in loaded) throw new Error(loaded.problems.map(describeProblem).join('\n'));
  const [config] = loaded.config.upstreams;
  if (!config) throw new Error('there is no upstream in it');
  const clients = new Set<Closable>();
  const opened = openUpstream(config, {
    clock,
    log,
    version: '0.1.0',
    catalogs,
    archives,
    clients,
    contexts: new SecureContexts(),
  });
  onTestFinished(async () => {
    await Promise.all([...clients].map((client) => client.close()));
  });
  return { ...opened, config };
}

/** The same configuration with an authority that its upstreams trust, unless they name one. */
function trusting(yaml: string, caFile: string): string {
  const written = parse(yaml) as { readonly defaults?: { readonly tls?: object } };
  const defaults = { ...written.defaults, tls: { caFile, ...written.defaults?.tls } };
  return stringify({ ...written, defaults });
}

/** Begun when first needed, and shared by the tests of a file: what they remember makes no difference to an answer. */
const [catalogs, archives] = [openThread(), openThread()];

const silent = openLog({ level: 'error', format: 'json' }, { write: () => undefined });

function openThread(): Thread<WorkerJobs> {
  return new Thread({
    module: new URL('../../src/worker.ts', import.meta.url),
    maxHeapMiB: 256,
    timeoutMs: 60_000,
    revive: (details) => reviveFault(details as PlainFault),
  });
}
