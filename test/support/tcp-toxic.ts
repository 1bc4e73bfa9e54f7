import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Transform } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * What the network does to connections: lets them be, has none of them, accepts them and says nothing, resets them at
 * once, resets them once so many bytes of answers came through, or lets so many bytes of answers through in a second.
 */
export type Toxic =
  | 'none'
  | 'refused'
  | 'silent'
  | 'reset'
  | { readonly resetAfter: number }
  | { readonly bytesPerSecond: number };

/** A stretch of network before a server on loopback. */
export interface TcpToxic {
  readonly host: string;
  readonly port: number;
  /** From now on; connections there are end. */
  apply(toxic: Toxic): Promise<void>;
  close(): Promise<void>;
}

interface TcpToxicOptions {
  /** Of the server behind it. */
  readonly to: number;
  /** 127.0.0.1 and a free port when absent. */
  readonly at?: { readonly host: string; readonly port: number };
}

/** Starts one that does nothing yet. Whoever starts it closes it. */
export async function startTcpToxic({ to, at }: TcpToxicOptions): Promise<TcpToxic> {
  const sockets = new Set<Socket>();
  let toxic: Toxic = 'none';
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    return socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  };
  const server = createServer((client) => {
    keep(client);
    if (toxic === 'reset') client.resetAndDestroy();
    if (typeof toxic === 'string' && toxic !== 'none') return;
    join(client, keep(connect(to, '127.0.0.1')), toxic);
  });
  const host = at?.host ?? '127.0.0.1';
  await listen(server, host, at?.port ?? 0);
  const { port } = server.address() as AddressInfo;
  const stop = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    if (!server.listening) return;
    server.close();
    await once(server, 'close');
  };
  return {
    host,
    port,
    apply: async (next) => {
      toxic = next;
      for (const socket of sockets) socket.destroy();
      if (next === 'refused') await stop();
      else if (!server.listening) await listen(server, host, port);
    },
    close: stop,
  };
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  server.listen(port, host);
  await once(server, 'listening');
}

function join(client: Socket, server: Socket, toxic: Toxic): void {
  client.pipe(server);
  client.once('close', () => server.destroy());
  server.once('close', () => client.end());
  if (typeof toxic === 'string') server.pipe(client);
  else if ('resetAfter' in toxic) resetAfter(client, server, toxic.resetAfter);
  else {
    const drops = slowly(toxic.bytesPerSecond);
    client.once('close', () => drops.destroy());
    server.pipe(drops).pipe(client);
  }
}

function resetAfter(client: Socket, server: Socket, bytes: number): void {
  let left = bytes;
  server.on('data', (chunk: Buffer) => {
    const part = chunk.subarray(0, left);
    left -= part.length;
    client.write(part, () => left === 0 && client.resetAndDestroy());
  });
}

function slowly(bytesPerSecond: number): Transform {
  return new Transform({
    transform(chunk: Buffer, _, done) {
      const drip = async (): Promise<void> => {
        for (const byte of chunk) {
          await sleep(1000 / bytesPerSecond);
          // nobody waits for the rest
          if (this.destroyed) return;
          this.push(Buffer.of(byte));
        }
      };
      drip().then(() => done(), done);
    },
  });
}
