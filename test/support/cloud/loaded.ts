import { writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

/** The packages of clouds that a program loaded, in order of their names. */
export type LoadedSdks = readonly string[];

/** Runs before a program: at its end the file that CLOUD_SDKS_LOADED names lists the packages of clouds that it loaded. */
const loaded = new Set<string>();

registerHooks({
  load: (url, context, nextLoad) => {
    const name = /node_modules\/(@aws-sdk|@smithy|@azure|google-auth-library|gaxios)\//.exec(url)?.[1];
    if (name) loaded.add(name);
    return nextLoad(url, context);
  },
});

process.on('exit', () =>
  writeFileSync(process.env['CLOUD_SDKS_LOADED'] ?? '', JSON.stringify([...loaded].sort() satisfies LoadedSdks)),
);
