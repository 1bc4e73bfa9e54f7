import { createReadStream } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';

import { describe, expect, test, vi } from 'vitest';

import { temporaryFolder } from '../support/temp.ts';
import { openDoors, until, type OpenDoors } from './open-doors.ts';

const archive = Buffer.alloc(8 * 2 ** 20, 'chartroom ');
const path = '/charts/big/big-1.0.0.tgz';
const request = `GET ${path} HTTP/1.1\r\nHost: charts.corp\r\n\r\n`;

/** Front doors over one large archive, and every body it was opened with. */
async function doorsOver(open: () => Readable): Promise<OpenDoors & { readonly bodies: Readable[] }> {
  const doors = await openDoors();
  const bodies: Readable[] = [];
  const delivery = (): Readable => {
    const body = open();
    bodies.push(body);
    return body;
  };
  doors.mirror.put('big', '1.0.0', archive, { delivery });
  return { ...doors, bodies };
}

async function fileOfArchive(): Promise<string> {
  const file = join(await temporaryFolder(), 'blob');
  await writeFile(file, archive);
  return file;
}

async function openFiles(): Promise<number> {
  return (await readdir('/proc/self/fd')).length;
}

/** A body that gives `bytes` and then ends, fails with `error`, or waits for ever. */
function bodyOf(bytes: number, then: 'ends' | 'waits' | Error): Readable {
  let left = bytes;
  return new Readable({
    read(size) {
      if (left > 0) {
        const length = Math.min(size, left);
        left -= length;
        this.push(archive.subarray(0, length));
      } else if (then instanceof Error) this.destroy(then);
      else if (then === 'ends') this.push(null);
    },
  });
}

describe('a body from a file', () => {
  test('arrives whole, and the file is closed', async () => {
    const file = await fileOfArchive();
    const { ask, bodies } = await doorsOver(() => createReadStream(file));

    expect((await ask(path)).body.equals(archive)).toBe(true);
    await until(() => bodies.every((body) => body.closed));
  });

  test('is never opened for HEAD: a hundred of them leave no file open', async () => {
    const file = await fileOfArchive();
    const { ask, bodies } = await doorsOver(() => createReadStream(file));
    const before = await openFiles();
    for (let round = 0; round < 100; round += 1) expect((await ask(path, { method: 'HEAD' })).status).toBe(200);

    expect(bodies).toHaveLength(0);
    expect(await openFiles()).toBeLessThanOrEqual(before + 2);
  });

  test('is closed when its client leaves in the middle, and nobody is alarmed', async () => {
    const file = await fileOfArchive();
    const { dial, bodies, lines } = await doorsOver(() => createReadStream(file));
    for (let round = 0; round < 20; round += 1) {
      const socket = await dial();
      socket.write(request);
      await new Promise((resolve) => socket.once('data', resolve));
      socket.destroy();
    }
    await until(() => bodies.length === 20 && bodies.every((body) => body.closed));

    expect(lines).toEqual([]);
  });
});

describe('a body that breaks', () => {
  test.each([
    ['failing', () => bodyOf(0, new Error('S3 reset the connection: key AKIA'))],
    ['ending', () => bodyOf(0, 'ends')],
    ['having failed', () => bodyOf(0, 'ends').destroy(new Error('gone'))],
    ['having been closed', () => bodyOf(0, 'ends').destroy()],
  ])('before its first byte by %s is 503, not the beginning of an answer', async (_how, open) => {
    const { ask, bodies } = await doorsOver(() => open().on('error', () => {}));
    const answer = await ask(path);

    expect(answer.status).toBe(503);
    expect(answer.headers).toMatchObject({ 'retry-after': '5', 'cache-control': 'no-store' });
    expect(answer.headers).not.toHaveProperty('etag');
    expect(answer.body.toString()).toBe('The store did not deliver these bytes. Try again soon.\n');
    expect(bodies[0]?.destroyed).toBe(true);
  });

  test.each([
    ['in the middle', () => bodyOf(1_000_000, new Error('S3 reset the connection'))],
    ['by ending too early', () => bodyOf(1_000_000, 'ends')],
    ['by not ending', () => bodyOf(archive.length + 1, 'ends')],
  ])('%s ends the connection short of its length, and is logged by our log alone', async (_when, open) => {
    const { say, bodies, lines } = await doorsOver(open);
    const consoles = [vi.spyOn(console, 'error'), vi.spyOn(console, 'info')];
    const text = await say(request);
    const [head = '', body = ''] = text.split('\r\n\r\n', 2);

    expect(head).toContain(`Content-Length: ${archive.length}`);
    expect(body.length).toBeLessThan(archive.length);
    expect(lines).toMatchObject([{ level: 50, msg: 'an answer broke off', path }]);
    await until(() => bodies.every((one) => one.destroyed));
    for (const spy of consoles) expect(spy).not.toHaveBeenCalled();
    vi.restoreAllMocks();
  });

  test('by saying nothing is closed when its client leaves', async () => {
    const { dial, bodies, lines } = await doorsOver(() => bodyOf(0, 'waits'));
    const socket = await dial();
    socket.write(request);
    await until(() => bodies.length === 1);
    socket.destroy();
    await until(() => bodies[0]?.destroyed === true);

    expect(lines).toEqual([]);
  });
});

describe('a client that left', () => {
  test.each(['resolving', 'opening'] as const)('while its archive was %s leaves nothing open', async (step) => {
    const { dial, mirror, bodies, lines } = await doorsOver(() => bodyOf(0, 'waits'));
    const arrival = Promise.withResolvers<void>();
    mirror[step] = arrival.promise;
    const socket = await dial();
    socket.write(request);
    await until(() => mirror.asked.resolve === 1);
    socket.destroy();
    // Answers only after the server has seen the client leave.
    const { ask } = await openDoors();
    for (let round = 0; round < 3; round += 1) await ask('/livez');
    arrival.resolve();
    await ask('/livez');

    expect(bodies.length).toBe(step === 'resolving' ? 0 : 1);
    await until(() => bodies.every((body) => body.destroyed));
    expect(lines).toEqual([]);
  });
});

test('a client that reads slowly makes nobody read ahead for it', async () => {
  let given = 0;
  const { dial } = await doorsOver(() => {
    const body = bodyOf(archive.length, 'ends');
    const push = body.push.bind(body);
    body.push = (chunk: Buffer | null) => {
      given += chunk?.length ?? 0;
      return push(chunk);
    };
    return body;
  });
  const socket = await dial();
  socket.pause();
  socket.write(request);
  await until(() => given > 0);
  const { ask } = await openDoors();
  for (let round = 0; round < 20; round += 1) await ask('/livez');
  const early = given;
  socket.resume();
  await until(() => given === archive.length);

  // What the kernel's buffers take, and no more.
  expect(early).toBeLessThan(archive.length);
});
