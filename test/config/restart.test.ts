import { expect, test } from 'vitest';

import type { Config } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { needsRestart } from '../../src/config/restart.ts';
import { configOf, loadText, writeConfig } from './support.ts';

const upstreams = 'upstreams: [{ name: a, url: ./a }]\n';
const read = async (text: string): Promise<Config> => configOf(await loadText(text));
const s3 = (options: string): string =>
  `store: { s3: { bucket: abc, accessKeyId: id, secretAccessKey: k, ${options} } }\n${upstreams}`;

test.each([
  ['server: { listen: "127.0.0.1:1" }', 'server: { listen: "127.0.0.1:2" }', 'server.listen'],
  ['server: { operations: same }', 'server: { operations: "127.0.0.1:9" }', 'server.operations'],
  ['server: {}', 'server: { tls: { certFile: c, keyFile: k } }', 'server.tls'],
  ['store: { filesystem: { path: /a } }', 'store: { filesystem: { path: /b } }', 'store'],
  ['store: { filesystem: { path: /a } }', 'store: { s3: { bucket: abc } }', 'store'],
  ['log: { format: json }', 'log: {}', 'log.format'],
])('from %s to %s takes a restart', async (before, after, option) => {
  const [first, second] = [await read(`${before}\n${upstreams}`), await read(`${after}\n${upstreams}`)];
  // a store that is not written is beside the file
  const store = option === 'store' ? {} : { store: first.store };
  expect(needsRestart(first, { ...second, ...store })).toEqual([option]);
  expect(needsRestart({ ...second, ...store }, first)).toEqual([option]);
});

test('another key of the bucket takes a restart, and the same does not', async () => {
  const [first, same, other] = [await read(s3('')), await read(s3('')), await read(s3('').replace(': k', ': l'))];
  expect(needsRestart(first, same)).toEqual([]);
  expect(needsRestart(first, other)).toEqual(['store']);
});

test('all of them are said at once', async () => {
  const before = await read(`store: { filesystem: { path: /a } }\n${upstreams}`);
  const after = await read(
    `server: { listen: "127.0.0.1:1", operations: "127.0.0.1:2", tls: { certFile: c, keyFile: k } }\nstore: { s3: { bucket: abc } }\nlog: { format: json }\n${upstreams}`,
  );
  expect(needsRestart(before, after)).toEqual([
    'server.listen',
    'server.operations',
    'server.tls',
    'store',
    'log.format',
  ]);
});

test('everything else takes effect without one', async () => {
  const tls = 'tls: { certFile: c, keyFile: k }';
  const before = `server: { ${tls}, adminToken: x }\nstore: { filesystem: { path: /a } }\n${upstreams}`;
  const after = `
server: { tls: { certFile: d, keyFile: e }, adminToken: y, coldWait: 1s, shutdownGrace: 1s, publicUrl: "https://a.corp" }
store: { filesystem: { path: /a } }
defaults: { interval: 1h }
upstreams: [{ name: b, url: https://b.corp, auth: { token: t } }, { name: c, url: ./c }]
repositories: [{ name: x, deny: [nginx] }, { name: y }]
log: { level: debug }
`;
  expect(needsRestart(await read(before), await read(after))).toEqual([]);
});

test('the same file read again asks for nothing', async () => {
  const file = await writeConfig(upstreams);
  const [first, second] = [configOf(await loadConfig(file, {})), configOf(await loadConfig(file, {}))];
  expect(needsRestart(first, second)).toEqual([]);
});
