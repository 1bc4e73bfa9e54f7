import { once } from 'node:events';
import { get, type Agent, type IncomingMessage } from 'node:http';

import { hexDigest } from './charts.ts';

/**
 * One client of a crowd. `sent` resolves when it has its connection, `answer` with the hash of what comes, or the status
 * when that is not 200.
 */
export function ask(url: string, agent: Agent): { readonly sent: Promise<unknown>; readonly answer: Promise<string> } {
  const request = get(url, { agent });
  const response = once(request, 'response') as Promise<[IncomingMessage]>;
  const read = async (): Promise<string> => {
    const [incoming] = await response;
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    return incoming.statusCode === 200 ? hexDigest(Buffer.concat(chunks)) : String(incoming.statusCode);
  };
  const connected = once(request, 'socket').then(([socket]) =>
    socket.connecting ? once(socket, 'connect') : undefined,
  );
  return { sent: connected, answer: read() };
}
