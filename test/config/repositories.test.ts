import { describe, expect, test } from 'vitest';

import type { RepositoryConfig } from '../../src/config/config.ts';
import { configOf, loadText, problemsOf } from './support.ts';

const upstreams = 'upstreams: [{ name: a, url: ./a }, { name: b, url: ./b }]\n';
const digest = `sha256:${'0f'.repeat(32)}` as const;

const repositoriesOf = async (written: string): Promise<readonly RepositoryConfig[]> =>
  configOf(await loadText(`${upstreams}repositories:\n${written}\n`)).repositories;

describe('repositories', () => {
  test('are one with every upstream, in order, where the file has none', async () => {
    const { repositories } = configOf(await loadText(upstreams));
    expect(repositories).toMatchObject([{ name: 'all', root: true, upstreams: ['a', 'b'] }]);
  });

  test('take every upstream, in order, where they name none', async () => {
    expect(await repositoriesOf('  - name: x\n  - { name: y, upstreams: [b, a] }')).toMatchObject([
      { name: 'x', upstreams: ['a', 'b'] },
      { name: 'y', upstreams: ['b', 'a'] },
    ]);
  });

  test.each([
    ['  - name: x', [true]],
    ['  - { name: x, root: false }', [false]],
    ['  - name: x\n  - name: y', [false, false]],
    ['  - name: x\n  - { name: y, root: true }', [false, true]],
  ])('answer at the root where that is said, and a single one by itself: %s', async (written, roots) => {
    expect((await repositoriesOf(written)).map(({ root }) => root)).toEqual(roots);
  });

  test('say what becomes rules, in the order of the file', async () => {
    const [repository] = await repositoriesOf(`
  - name: stable
    overlap: merge
    owners: { "corp-*": b, corp-app: a }
    deny: [nginx, "corp-*@>=1, <2", loki@${digest}]
    charts: ["*", "!legacy-*"]
    versions: { "n*": ">=1", nginx: ~15.1 }
    prereleases: false
    deprecated: false
    listNewest: 50
    cooldown: 8760h`);
    expect(repository?.rules).toEqual({
      overlap: 'merge',
      owners: [
        ['corp-*', 'b'],
        ['corp-app', 'a'],
      ],
      deny: [
        { text: 'nginx', chart: 'nginx' },
        { text: 'corp-*@>=1, <2', chart: 'corp-*', range: '>=1, <2' },
        { text: `loki@${digest}`, chart: 'loki', digest },
      ],
      charts: ['*', '!legacy-*'],
      versions: [
        ['n*', '>=1'],
        ['nginx', '~15.1'],
      ],
      prereleases: false,
      deprecated: false,
      listNewest: 50,
      cooldownMs: 8760 * 3_600_000,
    });
  });

  test('may take what they say from the environment', async () => {
    const text = `${upstreams}repositories: [{ name: "\${NAME}", upstreams: ["\${UP}"], deny: ["\${DENY}"], versions: "\${RANGE}", listNewest: "\${N}", cooldown: "\${C}" }]`;
    const environment = { NAME: 'x', UP: 'b', DENY: 'nginx@<2', RANGE: '>=1', N: '3', C: '0' };
    const [repository] = configOf(await loadText(text, environment)).repositories;
    expect(repository).toMatchObject({ name: 'x', upstreams: ['b'] });
    expect(repository?.rules).toMatchObject({
      deny: [{ chart: 'nginx', range: '<2' }],
      versions: [['*', '>=1']],
      listNewest: 3,
      cooldownMs: 0,
    });
  });

  test('show what came from a placeholder as the placeholder', async () => {
    const text = `${upstreams}repositories: [{ name: x, upstreams: ["\${UP}", a], owners: { y: "\${OTHER}" }, versions: "\${UP}", deny: ["\${UP}@<"] }]`;
    const printed = problemsOf(await loadText(text, { UP: 'hunter2', OTHER: 'hunter3' })).map(({ message }) => message);
    expect(printed).toHaveLength(4);
    for (const message of printed) expect(message).toMatch(/^found "\$\{(?:UP|OTHER)\}(?!.*hunter)/);
  });

  test('are not told what follows from a problem elsewhere', async () => {
    const text = `upstreams: [{ name: "\${GONE}", url: ./a }, { name: b, urll: ./b }]\nrepositories: [{ name: x, upstreams: [a, b], owners: { y: a } }]`;
    const problems = problemsOf(await loadText(text));
    expect(problems.map(({ option }) => option)).toEqual(['upstreams[0].name', 'upstreams[1].urll']);
  });
});

test.each([
  ['an upstream', 'upstreams: [{ name: a, url: ./a, versions: ">=1.0.0" }]', [['*', '>=1.0.0']]],
  [
    'all of them',
    'defaults: { versions: { nginx: "1.x || 3" } }\nupstreams: [{ name: a, url: ./a }]',
    [['nginx', '1.x || 3']],
  ],
  [
    'one that is heard before all',
    'defaults: { versions: "<1" }\nupstreams: [{ name: a, url: ./a, versions: "*" }]',
    [['*', '*']],
  ],
])('versions can be limited for %s', async (_who, text, versions) => {
  expect(configOf(await loadText(text)).upstreams[0]).toMatchObject({ versions });
});

test('what no chart of an upstream can be called is a problem', async () => {
  const text = 'upstreams:\n  - name: a\n    url: ./a\n    versions: { "a/b": ">=1" }\n    charts: ["x[", "y,z"]\n';
  const problems = problemsOf(await loadText(text));
  expect(problems.map(({ position, option }) => [position?.line, position?.column, option])).toEqual([
    [4, 17, 'upstreams[0].versions.a/b'],
    [5, 14, 'upstreams[0].charts[0]'],
    [5, 20, 'upstreams[0].charts[1]'],
  ]);
});

test.each([
  ['https://charts.corp', 'https://charts.corp'],
  ['https://charts.corp/', 'https://charts.corp'],
  ['http://Charts.corp:8080/a/b/', 'http://charts.corp:8080/a/b'],
  ['http://[::1]:8080/', 'http://[::1]:8080'],
  ['https://charts.corp:443', 'https://charts.corp'],
])('clients find the server at %s', async (written, publicUrl) => {
  const text = `${upstreams}server: { publicUrl: "${written}" }`;
  expect(configOf(await loadText(text)).server.publicUrl).toBe(publicUrl);
});

test.each([
  'https://',
  'https:/a.corp',
  'https://a.corp//',
  'https://a.corp//b',
  'https://a corp',
  'https://a.corp/?',
  'https://u@a.corp',
])('clients do not find the server at %s', async (written) => {
  const problems = problemsOf(await loadText(`${upstreams}server: { publicUrl: "${written}" }`));
  expect(problems.map(({ option }) => option)).toEqual(['server.publicUrl']);
});
