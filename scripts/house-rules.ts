/** Who may know whom under src/, as docs/architecture.md draws it. Data for `check-imports.ts`. */

/** A part of the house: a folder of src/ or one of the files directly in it. */
export interface Room {
  /** What it may import beside itself: a room, or one module of a room written `room/module`. */
  readonly sees: readonly string[];
}

/** Something that has its place: the rooms, or single modules, that alone may refer to it. */
export interface Place {
  readonly name: RegExp;
  readonly places: readonly string[];
}

const pure = ['lib', 'chart', 'formats'];
const door = { sees: [...pure, 'mirror/contract'] };

export const rooms: Readonly<Record<string, Room>> = {
  lib: { sees: [] },
  chart: { sees: ['lib'] },
  formats: { sees: ['lib', 'chart'] },
  config: { sees: ['lib', 'chart'] },
  upstream: { sees: pure },
  store: { sees: pure },
  mirror: {
    sees: [...pure, 'upstream/contract', 'store/contract', 'store/layout', 'store/blobs', 'store/records'],
  },
  server: door,
  web: door,
  commands: door,
  worker: { sees: [...pure, 'mirror/jobs'] },
  compose: {
    sees: [...pure, 'config', 'upstream', 'store', 'mirror', 'server', 'web', 'commands', 'worker'],
  },
  // what every command does: loads the configuration, heeds signals
  process: { sees: [...pure, 'config', 'commands'] },
  reload: { sees: [...pure, 'config', 'mirror', 'compose', 'process'] },
  serve: { sees: [...pure, 'config', 'mirror', 'server', 'compose', 'process', 'reload'] },
  main: { sees: [...pure, 'config', 'mirror', 'commands', 'compose', 'process', 'serve'] },
};

/** Files outside of src/ that may be imported, and by whom: the version stands in one place only. */
export const outsiders: readonly Place[] = [{ name: /^package\.json$/, places: ['compose', 'serve', 'main'] }];

/** Packages that have one place.*/
export const packagePlaces: readonly Place[] = [
  { name: /^(?:hono|@hono\/.*)$/, places: ['server', 'web', 'compose'] },
  { name: /^minio$/, places: ['lib/s3-client'] },
];

/** Globals and built-in functions that have one place. */
export const namePlaces: readonly Place[] = [
  { name: /^process\.env$/, places: ['config'] },
  { name: /^(?:Date\.now|new Date\(\)|performance\.now|process\.hrtime)$/, places: ['lib/clock'] },
  // A thread's watchdog ends work that blocks a real processor: no clock of a test can stand in for it.
  { name: /^(?:setTimeout|setInterval)$/, places: ['lib/clock', 'lib/thread'] },
  { name: /^AbortSignal\.timeout$/, places: ['lib'] },
];
