import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';

import { expect, onTestFinished, test, vi } from 'vitest';

import { nexus } from './fixtures.ts';

/** In a file of its own, where no request before it has a timer on the real clock. */
test('upstream-unreachable is told when no connection comes about within five seconds', async () => {
  const port = await listening();
  const program = await nexus(`https://127.0.0.1:${port.number}`);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const told = program.sync('nexus');
  await port.connected;
  await vi.advanceTimersByTimeAsync(7_000);

  expect(await told).toMatchObject({
    as: 'upstream-unreachable',
    text: `nexus: no answer from 127.0.0.1:${port.number} within 5 s (connection timed out). Check the address, the firewall and the proxy setting.`,
  });
});

/** Somebody takes the connection and never says a word. */
async function listening() {
  const server = createServer();
  const connected = once(server, 'connection').then(([socket]: Socket[]) => {
    onTestFinished(() => void socket?.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { number: (server.address() as AddressInfo).port, connected };
}
