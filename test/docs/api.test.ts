import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { apiOperations } from '../../src/server/api/routes.ts';
import { openApiWorld } from '../support/api-world.ts';
import { blocksOf, readPage } from '../support/documents.ts';

const page = await readPage('docs/api.md');
const examples = blocksOf(page, 'console').flatMap(([, block]) => exampleIn(block));

/** A request, and its whole answer below it. */
interface Example {
  readonly command: string;
  readonly method: string;
  readonly path: string;
  readonly answer: string;
}

function exampleIn(block: string): readonly Example[] {
  const [, command = '', options = '', path = '', answer = ''] =
    /^\$ (curl (.*?)'?https:\/\/charts\.corp(\/[^\s']*)'?)\n(.*)$/s.exec(block) ?? [];
  return [{ command, method: options.includes('-X POST') ? 'POST' : 'GET', path, answer }];
}

describe('docs/api.md', () => {
  let world: Awaited<ReturnType<typeof openApiWorld>>;
  beforeAll(async () => {
    world = await openApiWorld();
  });
  afterAll(() => world.close());

  it.each(examples)('shows what is answered to $command', async ({ method, path, answer }) => {
    const { body } = await world.ask(path, method);

    expect(timeless(JSON.parse(answer))).toEqual(timeless(body));
  });

  it('has an example of something', () => {
    expect(examples.length).toBeGreaterThan(5);
  });

  it('names every address, and none that there is not', () => {
    const named = [...page.text.matchAll(/^\| `(GET|POST) (\/api\/[^`]*)` \|/gm)].map(([, method, path]) => [
      method,
      path,
    ]);

    expect(named).toEqual(apiOperations().map(({ method, path }) => [method.toUpperCase(), path]));
  });
});

/** An answer without what is another each time: times, digests and sizes of compressed bytes. */
function timeless(value: unknown): unknown {
  const text = JSON.stringify(value)
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replaceAll(/\b[0-9a-f]{64}\b/g, 'DIGEST')
    .replaceAll(/"(size|bytes|durationMs|uptimeSeconds)":\d+/g, '"$1":0')
    .replaceAll(/blobs\/sha256\/[0-9a-f]{2}\//g, 'blobs/sha256/xx/');
  return JSON.parse(text);
}
