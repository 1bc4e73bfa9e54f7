import { isDeepStrictEqual } from 'node:util';

import type { Config } from './config.ts';

/** What is read once, when the server starts: each option by its path, and what it comes to. */
const readAtStart: readonly (readonly [option: string, of: (config: Config) => unknown])[] = [
  ['server.listen', ({ server }) => server.listen],
  ['server.operations', ({ server }) => server.operations],
  // another certificate needs none: turning TLS on or off does
  ['server.tls', ({ server }) => server.tls !== undefined],
  ['store', ({ store }) => store],
  ['log.format', ({ log }) => log.format],
];

/** The paths of the options that differ and take effect with the next start only. All others do with a reload. */
export function needsRestart(before: Config, after: Config): readonly string[] {
  return readAtStart.filter(([, of]) => !isDeepStrictEqual(of(before), of(after))).map(([option]) => option);
}
