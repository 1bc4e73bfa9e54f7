import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { Fault } from '../../src/chart/fault.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { S3Failure } from '../../src/lib/s3-failure.ts';
import { supportsConditionalWrites, withOwnConditions } from '../../src/store/conditional.ts';
import type { ObjectInfo, ObjectStore } from '../../src/store/contract.ts';
import { formatKey, openLayout } from '../../src/store/layout.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { describeObjectStore, storeChecks } from '../contract/object-store.ts';
import { ManualClock } from '../support/clock.ts';

/** A store that breaks one promise, and the checks that must notice. */
interface Broken {
  readonly what: string;
  readonly make: (store: ObjectStore) => Partial<ObjectStore>;
  readonly noticedBy: readonly string[];
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

const broken: readonly Broken[] = [
  {
    what: 'ignores every condition',
    make: (store) => ({ write: (key, bytes) => store.write(key, bytes) }),
    noticedBy: [
      'writes where nothing is only if nothing is there',
      'replaces only the object with the etag that was named',
      'lets exactly one of twenty writers create an object',
      'lets exactly one of twenty writers replace an object',
      'loses no update of a counter that many add to',
    ],
  },
  {
    what: 'looks first and writes later',
    make: (store) => ({
      write: async (key, bytes, onlyIf) => {
        const there = await store.head(key);
        await turn();
        if (onlyIf === 'absent' ? there : onlyIf && there?.etag !== onlyIf.etag) return 'conflict';
        return store.write(key, bytes);
      },
    }),
    noticedBy: [
      'lets exactly one of twenty writers create an object',
      'lets exactly one of twenty writers replace an object',
      'loses no update of a counter that many add to',
    ],
  },
  {
    what: 'writes in two steps that others see',
    make: (store) => ({
      write: async (key, bytes, onlyIf) => {
        if (onlyIf) return store.write(key, bytes, onlyIf);
        await store.write(key, bytes.subarray(0, bytes.byteLength / 2));
        await turn();
        return store.write(key, bytes);
      },
    }),
    noticedBy: ['never shows half an object or anything of its own while objects are written'],
  },
  {
    what: 'lists its temporary files',
    make: (store) => ({
      write: async (key, bytes, onlyIf) => {
        await store.write(`${key}.tmp`, bytes);
        const written = await store.write(key, bytes, onlyIf);
        await turn();
        await store.remove(`${key}.tmp`);
        return written;
      },
    }),
    noticedBy: ['never shows half an object or anything of its own while objects are written'],
  },
  {
    what: 'answers with nothing where something is missing',
    make: (store) => ({
      read: async (key, range) =>
        (await store.read(key, range)) ?? { size: 0, total: 0, etag: '', body: Buffer.alloc(0) },
    }),
    noticedBy: ['answers undefined for what is not there'],
  },
  {
    what: 'does not tell upper case from lower case',
    make: (store) => ({
      head: (key) => store.head(key.toLowerCase()),
      read: (key, range) => store.read(key.toLowerCase(), range),
      write: (key, bytes, onlyIf) => store.write(key.toLowerCase(), bytes, onlyIf),
    }),
    noticedBy: ['keeps every odd key apart from every other and lists it as it was written'],
  },
  {
    what: 'reads plus signs as spaces in its lists',
    make: (store) => ({
      async *list(prefix): AsyncIterable<ObjectInfo> {
        for await (const info of store.list(prefix)) yield { ...info, key: info.key.replace('+', ' ') };
      },
    }),
    noticedBy: ['keeps every odd key apart from every other and lists it as it was written'],
  },
  {
    what: 'lists whole folders only',
    make: (store) => ({ list: (prefix) => store.list(prefix.replace(/[^/]*$/, '')) }),
    noticedBy: ['lists what starts with a prefix, wherever the prefix ends'],
  },
  {
    what: 'gives the whole object for a range',
    make: (store) => ({ read: (key) => store.read(key) }),
    noticedBy: ['reads the range that was asked for, and tells the whole size', 'faults on a range beyond the object'],
  },
  {
    what: 'fails to remove what is not there',
    make: (store) => ({
      remove: async (key) => {
        if (!(await store.head(key))) throw new Error('not there');
        await store.remove(key);
      },
    }),
    noticedBy: ['removes an object, and what is not there as well'],
  },
  {
    what: 'does not write what it has already',
    make: (store) => ({
      write: async (key, bytes, onlyIf) => {
        const there = onlyIf === 'absent' ? undefined : await store.head(key);
        const isSame =
          there?.etag === digestOf(bytes) && (!onlyIf || onlyIf === 'absent' || onlyIf.etag === there.etag);
        return isSame ? { etag: there.etag } : store.write(key, bytes, onlyIf);
      },
    }),
    noticedBy: [
      'renews the time of an object that is overwritten with the bytes it has',
      'renews the time of a large object that is overwritten with the bytes it has',
      'renews the time of an object that is replaced by the same bytes under a condition',
    ],
  },
  {
    what: 'touches what it refuses to write',
    make: (store) => ({
      write: async (key, bytes, onlyIf) => {
        const written = await store.write(key, bytes, onlyIf);
        const there = written === 'conflict' ? await store.read(key) : undefined;
        if (Buffer.isBuffer(there?.body)) await store.write(key, there.body);
        return written;
      },
    }),
    noticedBy: ['leaves the time of an object alone when a condition fails'],
  },
  {
    what: 'has one etag for everything',
    make: (store) => ({ write: async (key, bytes) => (await store.write(key, bytes)) && { etag: 'same' } }),
    noticedBy: [
      'gives back the bytes that were written, with size and etag',
      'replaces an object, and the etag says so',
    ],
  },
];

describe('the checks of the object store contract', () => {
  for (const { what, make, noticedBy } of broken) {
    it(`notice a store that ${what}`, async () => {
      for (const name of noticedBy) {
        const check = storeChecks.find((one) => one.name === name);
        const clock = new ManualClock();
        const store = memoryStore({ clock });
        const promises = {
          head: store.head.bind(store),
          read: store.read.bind(store),
          write: store.write.bind(store),
          remove: store.remove.bind(store),
          list: store.list.bind(store),
        };
        const rejected = await check
          ?.run({ ...promises, ...make(promises) }, () => clock.advance(3_600_000))
          .then(
            () => false,
            () => true,
          );
        expect([name, rejected]).toEqual([name, true]);
      }
    });
  }
});

const unconditional = (clock?: Clock): ObjectStore => {
  const store = memoryStore(clock && { clock });
  return {
    head: (key) => store.head(key),
    read: (key, range) => store.read(key, range),
    remove: (key) => store.remove(key),
    list: (prefix) => store.list(prefix),
    write: (key, bytes) => store.write(key, bytes),
  };
};

describeObjectStore('whose conditions this process keeps itself', async () => {
  const clock = new ManualClock();
  return { store: withOwnConditions(unconditional(clock)), makeOld: () => clock.advance(3_600_000) };
});

/** A store of ours whose conditional writes end like this. */
async function failing(failure: S3Failure): Promise<ObjectStore> {
  const store = unconditional();
  await openLayout(store);
  const fault = new Fault('store-failed', 'no', 'Look.', { cause: failure });
  return { ...store, write: (key, bytes, onlyIf) => (onlyIf ? Promise.reject(fault) : store.write(key, bytes)) };
}

describe('the probe for conditional writes', () => {
  it('says yes for a store that has them and leaves only its format behind', async () => {
    const store = memoryStore();
    expect(await supportsConditionalWrites(store)).toBe(true);
    for await (const { key } of store.list('')) expect(key).toBe(formatKey);
  });

  it('says no for a store that ignores the conditions', async () => {
    expect(await supportsConditionalWrites(unconditional())).toBe(false);
  });

  it.each([
    ['NotImplemented', 501],
    ['Status501', 501],
    ['InvalidArgument', 400],
  ])('says no for a store that refuses the headers with %s', async (code, status) => {
    expect(await supportsConditionalWrites(await failing(new S3Failure(code, code, { status })))).toBe(false);
  });

  it('makes an empty store ours also when it refuses the headers, and never one that is of another kind', async () => {
    const failure = new S3Failure('NotImplemented', 'no', { status: 501 });
    const store = await failing(failure);
    await store.remove(formatKey);
    expect(await supportsConditionalWrites(store)).toBe(false);
    await openLayout(store);
    await store.write(formatKey, Buffer.from('{"format":2}'));
    await expect(supportsConditionalWrites(store)).rejects.toMatchObject({ code: 'store-failed' });
    expect(String((await store.read(formatKey))?.body)).toBe('{"format":2}');
  });

  it.each([
    ['Timeout', undefined],
    ['Network', undefined],
    ['SlowDown', 503],
    ['InternalError', 500],
    ['AccessDenied', 403],
  ])('says nothing about a store in trouble: %s is passed on', async (code, status) => {
    const failure = new S3Failure(code, code, status === undefined ? {} : { status });
    await expect(supportsConditionalWrites(await failing(failure))).rejects.toMatchObject({ cause: failure });
  });

  it('writes nothing that reads as a success when it is refused after a lost answer', async () => {
    const store = memoryStore();
    const probed: string[] = [];
    const write: ObjectStore['write'] = (key, bytes, onlyIf) => {
      if (onlyIf) probed.push(Buffer.from(bytes).toString());
      return store.write(key, bytes, onlyIf);
    };
    const watched = { ...unconditional(), head: store.head.bind(store), read: store.read.bind(store), write };
    expect(await supportsConditionalWrites(watched)).toBe(true);
    const kept = String((await store.read(formatKey))?.body);
    const [created, ...probes] = probed;
    expect(created).toBe(kept);
    expect(probes).toHaveLength(2);
    for (const probe of probes) {
      expect(probe).not.toBe(kept);
      expect(JSON.parse(probe)).toEqual(JSON.parse(kept));
    }
  });

  it('passes on the fault of a store that takes no writes at all', async () => {
    const store = { ...unconditional(), write: () => Promise.reject(new Error('full')) };
    await expect(supportsConditionalWrites(store)).rejects.toThrow('full');
  });
});
