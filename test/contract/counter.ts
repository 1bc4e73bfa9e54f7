import type { ObjectStore } from '../../src/store/contract.ts';

/** Adds one to a counter, so many times; answers with how often somebody else was quicker. Needs no test runner. */
export async function addTo(
  store: ObjectStore,
  key: string,
  times: number,
  onAdded = (): void => undefined,
): Promise<number> {
  let conflicts = 0;
  for (let done = 0; done < times;) {
    const object = await store.read(key);
    if (!object || !Buffer.isBuffer(object.body)) throw new Error('the counter is gone');
    const next = Buffer.from(String(Number(object.body.toString()) + 1));
    if ((await store.write(key, next, { etag: object.etag })) === 'conflict') conflicts += 1;
    else {
      done += 1;
      onAdded();
    }
  }
  return conflicts;
}
