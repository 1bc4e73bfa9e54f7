import { readFile } from 'node:fs/promises';

import { ProxyAgent, request } from 'undici';
import { onTestFinished } from 'vitest';

import type { Internet } from '../internet.ts';

/** What a naive client got in the end. */
export interface NaiveAnswer {
  readonly status: number;
  readonly body: string;
}

/** Asks once with these headers, and carries them along over every redirect: what no client should do. */
export type NaiveClient = (url: string, headers?: Readonly<Record<string, string>>) => Promise<NaiveAnswer>;

/** Opens one; it is closed with the test. */
export async function naiveClient({ proxy, caFile }: Internet): Promise<NaiveClient> {
  const dispatcher = new ProxyAgent({ uri: proxy, requestTls: { ca: await readFile(caFile, 'utf8') } });
  onTestFinished(() => dispatcher.close());
  return async (first, headers = {}) => {
    let url = first;
    for (;;) {
      const answer = await request(url, { dispatcher, headers });
      const body = await answer.body.text();
      const { location } = answer.headers;
      if (answer.statusCode < 300 || answer.statusCode > 399) return { status: answer.statusCode, body };
      url = new URL(String(location), url).href;
    }
  };
}
