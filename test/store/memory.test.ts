import { memoryStore } from '../../src/store/memory.ts';
import { describeObjectStore } from '../contract/object-store.ts';

describeObjectStore('in memory', async () => memoryStore());
