/**
 * Says that about so many bytes of shared memory may have become garbage. The collector does not count shared memory and
 * would let it lie for a long time; plain memory it counts, so it gets as much of that as garbage: never touched, it
 * costs nothing.
 */
export function noteUnseenGarbage(bytes: number): void {
  void new ArrayBuffer(bytes, { maxByteLength: bytes });
}
