import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { end, freePort, untilReady } from '../support/process.ts';
import type { PlainAnswer } from './plain-server.ts';

/** Plain `node:http` in a process of its own. */
export interface Plain {
  readonly url: string;
  stop(): Promise<void>;
}

/** What Node adds to every answer by itself. */
const ownHeaders: ReadonlySet<string> = new Set(['date', 'connection', 'keep-alive']);

/** Starts one that answers every request as `url` is answered: the same bytes, the same headers, the same 304. */
export async function startPlainLike(url: string, home: string): Promise<Plain> {
  const answer = await fetch(url, { headers: { 'accept-encoding': 'identity' } });
  const etag = answer.headers.get('etag') ?? '';
  const bodyFile = join(home, 'plain-body');
  await writeFile(bodyFile, await answer.bytes());
  const again = await fetch(url, { headers: { 'accept-encoding': 'identity', 'if-none-match': etag } });
  await again.bytes();
  if (answer.status !== 200 || again.status !== 304) throw new Error(`${url}: ${answer.status}, then ${again.status}`);
  const plain: PlainAnswer = {
    bodyFile,
    headers: headersOf(answer),
    notModifiedHeaders: headersOf(again),
  };
  const file = join(home, 'plain.json');
  await writeFile(file, JSON.stringify(plain));
  const port = await freePort();
  const script = join(import.meta.dirname, 'plain-server.ts');
  const child = spawn(process.execPath, [script, String(port), file], { stdio: 'inherit' });
  const own = `http://127.0.0.1:${port}`;
  await untilReady(child, async () => (await fetch(own, { method: 'HEAD' })).status === 200);
  return { url: own, stop: () => end(child) };
}

function headersOf({ headers }: Response): Record<string, string> {
  return Object.fromEntries([...headers].filter(([name]) => !ownHeaders.has(name)));
}
