import { faultsOf } from './faults-of.ts';

// beside those of upstreams, so that the two files run at once
await faultsOf('a bucket');
await faultsOf('a disk');
await faultsOf('a process');
