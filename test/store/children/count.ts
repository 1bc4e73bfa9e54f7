import { writeSync } from 'node:fs';

import { filesystemStore } from '../../../src/store/filesystem.ts';
import { addTo } from '../../contract/counter.ts';

/** Adds to the object `counter` of the store in a folder, so many times, and prints a line for each. */
const [path = '', times = '0'] = process.argv.slice(2);
await addTo(filesystemStore({ path }), 'counter', Number(times), () => writeSync(1, '+\n'));
