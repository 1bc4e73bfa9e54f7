import { once } from 'node:events';
import { createServer, request as send, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

/** One request on its way to an S3 server. */
export interface S3Request {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly incoming: IncomingMessage;
  readonly response: ServerResponse;
  /** Hands it on as it came, and the answer back; of the body of either no more than so many bytes, where it says so. */
  readonly forward: (limit?: { readonly request?: number; readonly answer?: number }) => Promise<void>;
}

/** What becomes of a request. */
export type S3Trouble = (request: S3Request) => void | Promise<void>;

/** What stands before a real S3 server and misbehaves as it is told. */
export interface FaultS3 {
  readonly port: number;
  /** Method and target of every request so far. */
  readonly requests: readonly string[];
  /** What becomes of every request from now on; handed on when undefined. */
  trouble(next: S3Trouble | undefined): void;
  close(): Promise<void>;
}

/** Starts one before the server at a port of loopback. Whoever starts it closes it. */
export async function startFaultS3(to: number): Promise<FaultS3> {
  const requests: string[] = [];
  let trouble: S3Trouble | undefined;
  const server = createServer((incoming, response) => {
    const { method = 'GET', url: target = '/' } = incoming;
    requests.push(`${method} ${target}`);
    const forward: S3Request['forward'] = (limit = {}) => forwardTo(to, incoming, response, limit);
    const one = { method, target, incoming, response, forward };
    Promise.resolve((trouble ?? handOn)(one)).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    trouble: (next) => {
      trouble = next;
    },
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const handOn: S3Trouble = (request) => request.forward();

/** Every request is answered with an error as S3 writes it. */
export function failing(status: number, code: string): S3Trouble {
  return ({ incoming, response }) => {
    incoming.resume();
    const body = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message></Error>`;
    response.writeHead(status, { 'content-type': 'application/xml' }).end(body);
  };
}

/** No request is ever answered. */
export const hanging: S3Trouble = ({ incoming }) => void incoming.resume();

/** Every request is answered so much later. */
export function late(ms: number): S3Trouble {
  return async ({ forward }) => {
    await sleep(ms);
    await forward();
  };
}

/** Every object that is read breaks off in its middle. */
export const cutAnswers: S3Trouble = ({ method, forward }) => forward(method === 'GET' ? { answer: 20 } : {});

/** Of every object that is written only the beginning arrives. */
export const cutUploads: S3Trouble = ({ method, forward }) => forward(method === 'PUT' ? { request: 20 } : {});

/** Lists know of no object. */
export const staleLists: S3Trouble = async ({ method, target, incoming, response, forward }) => {
  if (method !== 'GET' || !/[?&]list-type=2/.test(target)) return forward();
  incoming.resume();
  const body = '<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>';
  response.writeHead(200, { 'content-type': 'application/xml' }).end(body);
};

/** Conditional writes are not known here. */
export const withoutConditions: S3Trouble = (request) => {
  const { headers } = request.incoming;
  const isConditional = headers['if-none-match'] !== undefined || headers['if-match'] !== undefined;
  return isConditional && request.method === 'PUT' ? failing(501, 'NotImplemented')(request) : request.forward();
};

async function forwardTo(
  to: number,
  incoming: IncomingMessage,
  response: ServerResponse,
  limit: { readonly request?: number; readonly answer?: number },
): Promise<void> {
  const { method, url: path, rawHeaders: headers } = incoming;
  const body = await buffer(incoming);
  const outgoing = send({ host: '127.0.0.1', port: to, method, path, headers, agent: false });
  outgoing.on('error', () => response.destroy());
  if (limit.request !== undefined && body.length > limit.request) {
    outgoing.write(body.subarray(0, limit.request), () => outgoing.destroy());
    return;
  }
  outgoing.end(body);
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
  const bytes = await buffer(answer);
  response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
  if (limit.answer === undefined || bytes.length <= limit.answer) return void response.end(bytes);
  response.write(bytes.subarray(0, limit.answer), () => response.destroy());
}
