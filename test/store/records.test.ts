import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { isKey } from '../../src/store/keys.ts';
import {
  attachmentKey,
  blobKey,
  catalogKey,
  firstHoldingKey,
  formatKey,
  openLayout,
  snapshotKey,
} from '../../src/store/layout.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { createRecord, readRecord, recordBytes, replaceRecord } from '../../src/store/records.ts';
import { faultOf } from '../support/http.ts';

const asIs = (value: unknown): unknown => value;

describe('records', () => {
  it('come back as they were written, and undefined where there is none', async () => {
    const store = memoryStore();
    expect(await readRecord(store, 'a.json', asIs)).toBeUndefined();
    expect(await createRecord(store, 'a.json', { b: 1 })).not.toBe('conflict');
    expect((await readRecord(store, 'a.json', asIs))?.value).toEqual({ b: 1 });
  });

  it('are created once, and replaced only as they were read', async () => {
    const store = memoryStore();
    await createRecord(store, 'a.json', 1);
    expect(await createRecord(store, 'a.json', 2)).toBe('conflict');
    const { etag = '' } = (await readRecord(store, 'a.json', asIs)) ?? {};
    expect(await replaceRecord(store, 'a.json', 3, etag)).not.toBe('conflict');
    expect(await replaceRecord(store, 'a.json', 4, etag)).toBe('conflict');
    expect((await readRecord(store, 'a.json', asIs))?.value).toBe(3);
  });

  it('that are no JSON, or not what they should be, are faults that name them', async () => {
    const store = memoryStore();
    await store.write('a.json', Buffer.from('{"half": '));
    const fault = await faultOf(readRecord(store, 'a.json', asIs));
    expect([fault.code, fault.message]).toEqual(['store-failed', 'the record a.json in the store is damaged']);
    await store.write('b.json', Buffer.from('{}'));
    const refuse = () => {
      throw new Error('no name');
    };
    expect((await faultOf(readRecord(store, 'b.json', refuse))).message).toContain('b.json');
  });

  it('are the same bytes for the same value, in whatever order it was made', () => {
    expect(recordBytes({ b: { d: 1, c: [2, { z: 1, a: 2 }] }, a: undefined }).toString()).toBe(
      '{"b":{"c":[2,{"a":2,"z":1}],"d":1}}\n',
    );
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const reversed = Object.fromEntries(Object.entries(value).reverse());
        expect(recordBytes(reversed).equals(recordBytes(value))).toBe(true);
        expect(recordBytes(JSON.parse(recordBytes(value).toString())).equals(recordBytes(value))).toBe(true);
      }),
    );
  });

  it('keep a key that has a meaning of its own', () => {
    const value: unknown = JSON.parse('{"__proto__": {"a": 1}, "constructor": 2}');
    expect(recordBytes(value).toString()).toBe('{"__proto__":{"a":1},"constructor":2}\n');
  });
});

describe('the layout', () => {
  it('has keys that every store can keep', () => {
    const digest = digestOf(Buffer.from('x'));
    const longest = 'A'.repeat(128);
    const keys = [
      blobKey(digest),
      firstHoldingKey('podinfo', longest, `1.0.0+${'B'.repeat(122)}`),
      attachmentKey('podinfo', digest),
      catalogKey(digest),
      snapshotKey(digest),
    ];
    expect(keys.every(isKey)).toBe(true);
    expect(keys[0]).toMatch(/^blobs\/sha256\/([0-9a-f]{2})\/\1[0-9a-f]{62}$/);
  });

  it('is written into an empty store, and found there again', async () => {
    const store = memoryStore();
    await openLayout(store);
    expect(String((await store.read(formatKey))?.body)).toBe('{"format":1}\n');
    await openLayout(store);
  });

  it('is opened by many at once', async () => {
    const store = memoryStore();
    await Promise.all(Array.from({ length: 10 }, () => openLayout(store)));
  });

  it('of another version is refused, and so is something else', async () => {
    for (const text of ['{"format": 2}', '{"format": "1"}', '{}', 'null', '[]', 'x']) {
      const store = memoryStore();
      await store.write(formatKey, Buffer.from(text));
      const fault = await faultOf(openLayout(store));
      expect([text, fault.code]).toEqual([text, 'store-failed']);
    }
  });
});
