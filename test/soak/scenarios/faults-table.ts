import { needsTools, type Tool } from '../../support/tools.ts';
import { answerKinds } from './faults-answer-kinds.ts';
import { bucketKinds, openBucketRig } from './faults-bucket-kinds.ts';
import { connectionKinds } from './faults-connection-kinds.ts';
import { crowdKinds } from './faults-crowd-kinds.ts';
import { diskKinds, openDiskRig, withoutDisk } from './faults-disk-kinds.ts';
import type { Kind, Rig } from './faults-kind.ts';
import { listingKinds } from './faults-listing-kinds.ts';
import { openProcessRig, processKinds } from './faults-process-kinds.ts';
import { openUpstreamRig } from './faults-upstream-rig.ts';

/** One row of the table: what is done, and what is promised. */
export type Row = Pick<Kind<never>, 'name' | 'done' | 'promise'>;

/** Servers that are there, and what can be done to them. */
export interface OpenGroup extends Pick<Rig, 'restock' | 'reads' | 'close'> {
  /** Does what one row says. Throws when the promise was not kept. */
  run(row: Row): Promise<void>;
}

/** Rows that happen to the same servers, one after another. */
export interface Group {
  readonly name: string;
  readonly rows: readonly Row[];
  /** Why this machine cannot do it; undefined when it can. */
  impossible(): Promise<string | undefined>;
  open(): Promise<OpenGroup>;
}

function groupOf<R extends Rig>(
  name: string,
  impossible: Group['impossible'],
  open: () => Promise<R>,
  kinds: readonly Kind<R>[],
): Group {
  const openGroup = async (): Promise<OpenGroup> => {
    const rig = await open();
    const run = async (row: Row): Promise<void> => {
      const kind = kinds.find((one) => one.name === row.name);
      if (!kind) throw new Error(`${name} has no kind ${row.name}`);
      await kind.run(rig);
    };
    return { run, restock: () => rig.restock(), reads: () => rig.reads(), close: () => rig.close() };
  };
  return { name, rows: kinds, impossible, open: openGroup };
}

function withTools(...names: readonly Tool[]): Group['impossible'] {
  return async () => (needsTools(...names) ? `it needs ${names.join(', ')}` : undefined);
}

/** Every kind of fault that is done to real processes, numbered as in the fault model. */
export const groups: readonly Group[] = [
  groupOf('upstreams', withTools('openssl'), openUpstreamRig, [
    ...connectionKinds,
    ...answerKinds,
    ...listingKinds,
    ...crowdKinds,
  ]),
  groupOf('a bucket', withTools('versitygw'), openBucketRig, bucketKinds),
  groupOf('a disk', withoutDisk, openDiskRig, diskKinds),
  groupOf('a process', async () => undefined, openProcessRig, processKinds),
];

/** What of the fault model is done by other tests, and where. */
export const elsewhere: Readonly<Record<string, string>> = {
  'FLT-40': 'test/soak/scenarios/kills.ts',
  'FLT-50': 'test/soak/scenarios/replicas.ts',
  'FLT-80': 'test/process/stop.test.ts',
  'FLT-90': 'test/soak/main.ts',
};
