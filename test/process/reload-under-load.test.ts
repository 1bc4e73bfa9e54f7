import { createHash } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { Agent, get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';

import { describe, expect, onTestFinished, test } from 'vitest';
import { stringify } from 'yaml';

import { readAll } from '../../src/lib/bytes.ts';
import { temporaryFolder } from '../support/temp.ts';
import { startChartServer } from './chart-server.ts';
import { startReloading, type Reloading } from './reloading.ts';

const reloads = 50;
const perSecond = 500;
const tickMs = 20;

/** What a path was answered with; the body by its digest, or by what must be the same in it. */
interface Seen {
  readonly path: string;
  readonly answer: string;
}

const agent = new Agent({ keepAlive: true, maxSockets: 64 });

/** Never rejects: a request that fails is an answer that nobody expects. */
function ask(url: string, path: string): Promise<Seen> {
  return new Promise((resolve) => {
    const fail = (error: Error): void => resolve({ path, answer: `failed: ${error.message}` });
    get(url + path, { agent }, (answer: IncomingMessage) => {
      readAll(answer, 1e9).then(
        (body) => resolve({ path, answer: `${answer.statusCode} ${digestOf(path, body)}` }),
        (error: unknown) => fail(error as Error),
      );
    }).on('error', fail);
  });
}

/** The status tells times, too. */
function digestOf(path: string, body: Buffer): string {
  if (path !== '/api/v1/status') return createHash('sha256').update(body).digest('hex');
  const { upstreams } = JSON.parse(body.toString()) as { readonly upstreams: readonly { readonly name: string }[] };
  return upstreams.map(({ name }) => name).join(' ');
}

/** Two configurations that differ in everything that a reload can change, one more upstream among it. */
async function world() {
  const folder = await temporaryFolder();
  const [nexus, extra] = [await startChartServer(), await startChartServer()];
  for (let at = 0; at < 10; at += 1) await nexus.publish('demo', `1.${at}.0`);
  for (let at = 0; at < 400; at += 1) await nexus.publish('cold', `0.0.${at}`, 1);
  await extra.publish('more', '1.0.0');
  const configuration = (password: string, more: boolean): string =>
    stringify({
      server: { listen: '127.0.0.1:0', coldWait: more ? '20s' : '21s', adminToken: password },
      defaults: { mirror: 'requested' },
      upstreams: [
        { name: 'nexus', url: nexus.url, auth: { username: 'somebody', password } },
        ...(more ? [{ name: 'extra', url: extra.url }] : []),
      ],
      repositories: [
        { name: 'one', root: true, deny: more ? [] : ['demo@1.9.0'] },
        { name: 'few', versions: { demo: more ? '<1.8.0' : '<1.5.0', '*': '*' } },
        more ? { name: 'team', upstreams: ['extra'] } : { name: 'other', upstreams: ['nexus'], listNewest: 1 },
      ],
      log: { level: more ? 'warn' : 'error' },
    });
  const file = join(folder, 'chartroom.yaml');
  const texts = [configuration('one', true), configuration('two', false)] as const;
  // where it answers is told at the level `info`
  await writeFile(file, texts[0].replace('level: warn', 'level: info'));
  const server = await startReloading(file);
  const paths = [
    ...['/index.yaml', '/few/index.yaml', '/team/index.yaml', '/other/index.yaml', '/api/v1/status'],
    ...[
      '/few/charts/demo/demo-1.6.0.tgz',
      '/team/charts/more/more-1.0.0.tgz',
      '/api/v1/explain?repository=few&chart=more',
    ],
    ...Array.from({ length: 10 }, (_, at) => `/charts/demo/demo-1.${at}.0.tgz`),
  ];
  const use = async (text: string, upstreams: string): Promise<void> => {
    // as a whole: a file that is read half-written is a bad one, and told
    await writeFile(`${file}.next`, text);
    await rename(`${file}.next`, file);
    server.hup();
    while ((await ask(server.url, '/api/v1/status')).answer !== `200 ${upstreams}`);
  };
  const cold = [...nexus.archives].filter(([path]) => path.startsWith('/cold-'));
  return { server, texts, paths, use, cold };
}

/** All that may be answered: what either configuration answers when nothing happens. */
async function expected(server: Reloading, paths: readonly string[], known: Map<string, Set<string>>): Promise<void> {
  for (const path of paths) {
    const { answer } = await ask(server.url, path);
    known.set(path, (known.get(path) ?? new Set()).add(answer));
  }
}

describe('reloads under load', () => {
  test(`${reloads} of them at ${perSecond} requests per second fail no request, and each answer is one of the two`, async () => {
    const { server, texts, paths, use, cold } = await world();
    onTestFinished(() => agent.destroy());
    await server.answers('/team/charts/more/more-1.0.0.tgz', 200);
    const answers = new Map<string, Set<string>>();
    for (const at of [0, 1, 0, 1] as const) {
      await use(texts[at], at === 0 ? 'nexus extra' : 'nexus');
      if (at === 0) await server.answers('/team/index.yaml', 200);
      await expected(server, paths, answers);
    }
    for (const [path, bytes] of cold) {
      const digest = createHash('sha256').update(bytes).digest('hex');
      answers.set(`/charts/cold${path}`, new Set([`200 ${digest}`]));
    }
    const every = [...answers.values()];
    expect(every.filter((ways) => ways.size === 2).length).toBeGreaterThanOrEqual(7);

    const load = startLoad(
      server.url,
      paths,
      cold.map(([path]) => `/charts/cold${path}`),
    );
    for (let at = 0; at < reloads; at += 1) await use(texts[at % 2] ?? '', at % 2 === 0 ? 'nexus extra' : 'nexus');
    const { seen, seconds } = await load.end();

    const wrong = seen.filter(({ path, answer }) => !answers.get(path)?.has(answer));
    expect([...new Set(wrong.map(({ path, answer }) => `${path} ${answer}`))]).toEqual([]);
    expect(new Set(seen.map(({ path }) => path))).toEqual(new Set(answers.keys()));
    expect(seen.length / seconds).toBeGreaterThan(perSecond * 0.9);
    expect(server.log.filter(({ level }) => level >= 50)).toEqual([]);
  }, 90_000);
});

/** Sends requests at the same rate whatever becomes of them, those of `once` in between. */
function startLoad(url: string, paths: readonly string[], once: readonly string[]) {
  const beganMs = performance.now();
  const under: Promise<Seen>[] = [];
  const next = (): string => {
    const at = under.length;
    const cold = at % 20 === 0 ? once[at / 20] : undefined;
    return cold ?? paths[at % paths.length] ?? '/';
  };
  const timer = setInterval(() => {
    const due = ((performance.now() - beganMs) / 1000) * perSecond;
    while (under.length < due) under.push(ask(url, next()));
  }, tickMs);
  return {
    end: async () => {
      clearInterval(timer);
      const seconds = (performance.now() - beganMs) / 1000;
      // those that were not sent yet
      const left = once.slice(Math.ceil(under.length / 20)).map((path) => ask(url, path));
      return { seen: await Promise.all([...under, ...left]), seconds };
    },
  };
}
