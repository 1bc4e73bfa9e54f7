import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:tls';

import { describe, expect, onTestFinished, test } from 'vitest';

import { createAuthority } from '../support/certificates.ts';
import { temporaryFolder } from '../support/temp.ts';
import { openDoors } from './open-doors.ts';

/** Two certificates for one server. */
async function pairs() {
  const authority = await createAuthority(await temporaryFolder());
  const read = async (name: string) => {
    const { certFile, keyFile } = await authority.sign(name);
    return { cert: await readFile(certFile), key: await readFile(keyFile) };
  };
  return [await read('first'), await read('second')] as const;
}

async function dial(port: number) {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  onTestFinished(() => void socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

describe("the server's certificate", () => {
  test('is another one for new connections, and those that are open go on', async () => {
    const [first, second] = await pairs();
    const { server, port, lines } = await openDoors({ tls: first, level: 'info' });
    const open = await dial(port);
    const before = open.getPeerCertificate().fingerprint256;

    server.present(second);
    server.present(second);

    expect((await dial(port)).getPeerCertificate().fingerprint256).not.toBe(before);
    expect(lines.filter(({ msg }) => msg === 'another certificate is shown from now on')).toHaveLength(1);
    open.write('GET /livez HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n');
    const [answer] = (await once(open, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 /);
  });

  test('stays what it is when the other one does not belong to its key', async () => {
    const [first, second] = await pairs();
    const { server, port } = await openDoors({ tls: first });
    const before = (await dial(port)).getPeerCertificate().fingerprint256;
    expect(() => server.present({ cert: second.cert, key: first.key })).toThrow('do not work together');
    expect((await dial(port)).getPeerCertificate().fingerprint256).toBe(before);
    server.present(second);
    expect((await dial(port)).getPeerCertificate().fingerprint256).not.toBe(before);
  });

  test('is nothing that a server without TLS begins to have', async () => {
    const [first] = await pairs();
    const { server, ask } = await openDoors();
    server.present(first);
    expect((await ask('/livez')).status).toBe(200);
  });
});
