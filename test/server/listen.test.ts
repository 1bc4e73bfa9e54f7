import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { Agent, type IncomingMessage } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { connect } from 'node:net';

import { describe, expect, onTestFinished, test } from 'vitest';

import { Fault } from '../../src/chart/fault.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createCertificates } from '../support/certificates.ts';
import { ManualClock } from '../support/clock.ts';
import { temporaryFolder } from '../support/temp.ts';
import { openDoors, until } from './open-doors.ts';

const path = '/charts/nginx/nginx-1.2.3.tgz';
const request = `GET ${path} HTTP/1.1\r\nHost: charts.corp\r\n\r\n`;

async function faultOf(work: Promise<unknown>): Promise<Fault> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(Fault);
  return error as Fault;
}

function keepAlive(): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  return agent;
}

describe('listening', () => {
  test('on port 0 takes one that the system chooses, and says which', async () => {
    const { server, ask } = await openDoors();

    expect(server.address).toMatch(/^127\.0\.0\.1:[1-9]\d+$/);
    expect(server.operationsAddress).toBe(server.address);
    expect((await ask('/livez')).status).toBe(200);
  });

  test('on IPv6 is written as in a URL', async () => {
    const { server } = await openDoors({ listen: { host: '::1', port: 0 } });

    expect(server.address).toMatch(/^\[::1\]:\d+$/);
  });

  test('on a port that is taken says what to do', async () => {
    const { port } = await openDoors();
    const fault = await faultOf(openDoors({ listen: { host: '127.0.0.1', port } }));

    expect(fault.code).toBe('unavailable');
    expect(fault.message).toBe(`Cannot listen on 127.0.0.1:${port}: something else listens there.`);
    expect(fault.advice).toBe('Stop it, or choose another address in server.listen.');
  });

  test('on an address that is not of this machine says what to do', async () => {
    const fault = await faultOf(openDoors({ listen: { host: '203.0.113.1', port: 0 } }));

    expect(fault.message).toContain('this machine does not have that address');
  });

  test('for the operations on a port that is taken leaves nothing open', async () => {
    const taken = await openDoors();
    const free = await openDoors();
    await free.server.drain(0);
    const listen = { host: '127.0.0.1', port: free.port };
    const fault = await faultOf(openDoors({ listen, operations: { host: '127.0.0.1', port: taken.port } }));

    expect(fault.advice).toContain('server.operations');
    expect((await openDoors({ listen })).port).toBe(free.port);
  });

  test('gives the operations a place of their own, and each address to one of the two', async () => {
    const { ask, server } = await openDoors({ operations: { host: '127.0.0.1', port: 0 } });
    const status = async (address: string, operations: boolean) => (await ask(address, { operations })).status;

    expect(server.operationsAddress).not.toBe(server.address);
    for (const address of ['/livez', '/readyz', '/metrics', '/api/v1/status']) {
      expect([address, await status(address, false), await status(address, true)]).toEqual([address, 404, 200]);
    }
    for (const address of ['/index.yaml', '/']) {
      expect([address, await status(address, false), await status(address, true)]).toEqual([address, 200, 404]);
    }
  });

  test('tells whoever is too many 503, and answers again when there is room', async () => {
    const { ask, dial } = await openDoors({ maxConnections: 2 });
    const [first, second] = [await dial(), await dial()];
    const answer = await ask('/index.yaml');

    expect(answer.status).toBe(503);
    expect(answer.headers).toMatchObject({ 'retry-after': '1', connection: 'close' });
    first.destroy();
    second.destroy();
    let status = 503;
    while (status === 503) status = (await ask('/index.yaml')).status;
    expect(status).toBe(200);
  });
});

describe('TLS', () => {
  test('serves the same with a certificate, and does not wait for clients that never shake hands', async () => {
    const files = await createCertificates(await temporaryFolder());
    const tls = { cert: await readFile(files.certFile), key: await readFile(files.keyFile) };
    const doors = await openDoors({ tls, level: 'info' });
    const silent = connect(doors.port, '127.0.0.1');
    onTestFinished(() => void silent.destroy());
    await once(silent, 'connect');
    const sent = tlsRequest({
      port: doors.port,
      host: '127.0.0.1',
      path: '/livez',
      ca: await readFile(files.caFile),
      agent: false,
    });
    sent.end();
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    answer.resume();

    expect(answer.statusCode).toBe(200);
    await until(() => doors.lines.length > 0);
    expect(doors.lines).toMatchObject([{ remote: '127.0.0.1', path: '/livez' }]);
    await doors.server.drain(50);
  });

  test('with a certificate that is none says which options to check', async () => {
    const fault = await faultOf(openDoors({ tls: { cert: 'no certificate', key: 'no key' } }));

    expect(fault.code).toBe('unavailable');
    expect(fault.advice).toBe('Check server.tls.certFile and server.tls.keyFile.');
  });
});

describe('draining', () => {
  test('is known before it is felt: readiness is off while connections are still taken', async () => {
    const clock = new ManualClock();
    const { ask, server, mirror } = await openDoors({ clock, lingerMs: 1000 });
    mirror.put('nginx', '1.2.3', Buffer.from('archive'));
    const drained = server.drain(10_000);
    const ready = await ask('/readyz');

    expect(ready.status).toBe(503);
    expect(JSON.parse(ready.body.toString())).toMatchObject({
      ready: false,
      waitingFor: ['this server is shutting down'],
    });
    expect((await ask('/livez')).status).toBe(200);
    expect(JSON.parse((await ask('/api/v1/status')).body.toString())).toMatchObject({ ready: false });
    for (const address of [path, '/index.yaml', '/nothing']) {
      expect((await ask(address, { agent: keepAlive() })).headers['connection']).toBe('close');
    }
    await clock.advance(1000);
    await drained;
    await expect(ask('/livez')).rejects.toThrow('ECONNREFUSED');
  });

  test('lets what is under way finish', async () => {
    const { ask, server, mirror } = await openDoors();
    mirror.put('nginx', '1.2.3', Buffer.from('archive'));
    const arrival = Promise.withResolvers<void>();
    mirror.resolving = arrival.promise;
    const answer = ask(path, { agent: keepAlive() });
    await until(() => mirror.asked.resolve === 1);
    let over = false;
    const drained = server.drain(10_000).then(() => (over = true));
    await expect(ask('/livez')).rejects.toThrow('ECONNREFUSED');

    expect(over).toBe(false);
    arrival.resolve();
    expect((await answer).body.toString()).toBe('archive');
    await drained;
  });

  test('ends at its deadline whatever a client does, and asked twice answers once', async () => {
    const { dial, server, mirror } = await openDoors();
    mirror.put('nginx', '1.2.3', Buffer.alloc(64 * 2 ** 20));
    const stalled = await dial();
    stalled.pause();
    stalled.write(request);
    const halfAsked = await dial();
    halfAsked.write('GET / HTTP/1.1\r\nHo');
    await until(() => mirror.asked.open === 1);
    const startedMs = systemClock.elapsed();
    await Promise.all([server.drain(300), server.drain(300_000)]);
    await server.drain(0);

    expect(systemClock.elapsed() - startedMs).toBeGreaterThanOrEqual(290);
    expect(systemClock.elapsed() - startedMs).toBeLessThan(3000);
  });

  test('at once takes everybody off', async () => {
    const { dial, server, mirror } = await openDoors();
    mirror.resolving = new Promise(() => {});
    const socket = await dial();
    socket.write(request);
    await until(() => mirror.asked.resolve === 1);
    const closed = once(socket, 'close');
    await server.drain(0);
    await closed;
  });

  test('under load loses no request', async () => {
    const { ask, server, mirror } = await openDoors({ lingerMs: 250 });
    const archive = Buffer.alloc(31_000, 'x');
    mirror.put('nginx', '1.2.3', archive);
    let answered = 0;
    const work = async (): Promise<string> => {
      const agent = keepAlive();
      for (;;) {
        const { status, body, headers } = await ask(path, { agent });
        if (status !== 200 || !body.equals(archive)) return `answered ${status} with ${body.length} bytes`;
        answered += 1;
        if (headers['connection'] === 'close') return 'told to go';
      }
    };
    const clients = Array.from({ length: 20 }, work);
    await until(() => answered > 500);
    const before = answered;
    await server.drain(5000);

    expect(new Set(await Promise.all(clients))).toEqual(new Set(['told to go']));
    expect(answered).toBeGreaterThan(before);
  });
});
