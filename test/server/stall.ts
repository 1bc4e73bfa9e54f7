/** Keeps the event loop from turning, several times for 40 ms: the first after a look at its stalls may go unseen. */
export async function standStill(): Promise<void> {
  for (let at = 0; at < 4; at += 1) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 40);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
