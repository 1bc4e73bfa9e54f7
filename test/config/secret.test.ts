import { rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { inspect } from 'node:util';

import { describe, expect, test } from 'vitest';

import type { Config } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { configOf, loadText, problemsOf, writeConfig } from './support.ts';

const withToken = (written: string): string =>
  `server:\n  adminToken: ${written}\nupstreams: [{ name: a, url: ./a }]\n`;

async function tokenOf(config: Config): Promise<string | undefined> {
  return config.server.adminToken?.reveal();
}

describe('a placeholder', () => {
  test.each([
    ['${TOKEN}', 'abc'],
    ['x${TOKEN}y${TOKEN}', 'xabcyabc'],
    ['${MISSING:-fallback}', 'fallback'],
    ['${EMPTY:-fallback}', 'fallback'],
    ['${TOKEN:-fallback}', 'abc'],
    ['"${MISSING:-}x"', 'x'],
    ['${MISSING:-a:-b}', 'a:-b'],
    ['$$', '$'],
    ['$${TOKEN}', '${TOKEN}'],
    ['$$$${TOKEN}', '$${TOKEN}'],
    ['pa$word', 'pa$word'],
    ['"$"', '$'],
    ["'${YAML}'", '"a: [b'],
    ['${NESTED}', '${TOKEN}'],
  ])('%s is %s', async (written, revealed) => {
    const environment = { TOKEN: 'abc', EMPTY: '', YAML: '"a: [b', NESTED: '${TOKEN}' };
    expect(await tokenOf(configOf(await loadText(withToken(written), environment)))).toBe(revealed);
  });

  test('cannot change the document', async () => {
    const text = 'upstreams:\n  - name: ${NAME}\n    url: ./a\n';
    const problems = problemsOf(await loadText(text, { NAME: 'a\n    url: https://evil.corp' }));
    expect(problems.map(({ option }) => option)).toEqual(['upstreams[0].name']);
  });

  test('may stand for a number, a truth value, a duration or a word', async () => {
    const text = `
upstreams: [{ name: a, url: https://a.corp, concurrency: "\${N}", plainHTTP: "\${B}", interval: "\${ZERO}", mirror: { newest: "\${N}" }, maxIndexBytes: "\${SIZE}" }]
log: { level: "\${LEVEL:-warn}" }
`;
    const config = configOf(await loadText(text, { N: '7', B: 'true', ZERO: '0', SIZE: '1000' }));
    expect(config.log.level).toBe('warn');
    expect(config.upstreams[0]).toMatchObject({
      concurrency: 7,
      plainHTTP: true,
      intervalMs: 0,
      mirror: { newest: 7 },
      maxIndexBytes: 1000,
    });
  });

  test('is no number where text is expected', async () => {
    const text = 'upstreams: [{ name: "${N}", url: https://a.corp, auth: { username: "${N}", password: "${N}" } }]';
    const [upstream] = configOf(await loadText(text, { N: '0123' })).upstreams;
    expect(upstream).toMatchObject({ name: '0123', auth: { kind: 'password' } });
  });

  test('does not reach into what every object has', async () => {
    expect(problemsOf(await loadText(withToken('${constructor}')))[0]?.message).toContain('constructor is not set');
  });
});

describe('a secret file', () => {
  const configured = async (written = '${file:token}'): Promise<{ file: string; secretFile: string }> => {
    const file = await writeConfig(withToken(written));
    return { file, secretFile: join(dirname(file), 'token') };
  };

  test('is read anew each time, beside the configuration, without one newline at its end', async () => {
    const { file, secretFile } = await configured('Bearer-${file:./token}');
    await writeFile(secretFile, 'first\n\n');
    const config = configOf(await loadConfig(file, {}));
    expect(await tokenOf(config)).toBe('Bearer-first\n');
    await writeFile(secretFile, 'second\r\n');
    expect(await tokenOf(config)).toBe('Bearer-second');
  });

  test('that goes away or is emptied later is an error, never nothing', async () => {
    const { file, secretFile } = await configured();
    await writeFile(secretFile, 'first');
    const config = configOf(await loadConfig(file, {}));
    await writeFile(secretFile, '\n');
    await expect(tokenOf(config)).rejects.toThrow('the secret is empty');
    await rm(secretFile);
    await expect(tokenOf(config)).rejects.toThrow(`the file ${secretFile} cannot be read (ENOENT)`);
  });

  test.each([
    ['empty', Buffer.from('\n'), 'the secret is empty'],
    ['not text', Buffer.from([0xff, 0xfe, 0x00]), 'cannot be read (it is not UTF-8)'],
    ['enormous', Buffer.alloc(1024 ** 2 + 1, 'x'), 'is larger than 1 MiB'],
  ])('that is %s is a problem where it is named', async (_what, bytes, message) => {
    const { file, secretFile } = await configured();
    await writeFile(secretFile, bytes);
    const [problem] = problemsOf(await loadConfig(file, {}));
    expect(problem).toMatchObject({ position: { line: 2, column: 15 }, option: 'server.adminToken' });
    expect(problem?.message).toContain(message);
  });
});

test('a configuration shows no secret, however it is printed', async () => {
  const text = `
server: { adminToken: canary-1 }
store: { s3: { bucket: abc, accessKeyId: id, secretAccessKey: "\${S3}" } }
defaults: { proxy: "http://u:canary-4@proxy.corp" }
upstreams:
  - { name: a, url: https://a.corp, auth: { username: canary-5, password: canary-3 } }
  - { name: b, url: https://a.corp, auth: { token: canary-6 } }
  - { name: c, url: https://a.corp, auth: { headers: { X-Key: canary-7 } } }
  - { name: d, url: s3://abc, auth: { provider: aws, accessKeyId: canary-8, secretAccessKey: canary-9 } }
  - { name: e, url: a.azurecr.io, auth: { provider: azure, tenantId: t, clientId: c, clientSecret: canary-10 } }
`;
  const config = configOf(await loadText(text, { S3: 'canary-2', HTTPS_PROXY: 'http://u:canary-11@p' }));
  expect(`${inspect(config, { depth: 10, showHidden: true })} ${JSON.stringify(config)}`).not.toContain('canary');
});
