import { describe, expect, test } from 'vitest';

import { configOf, loadText } from './support.ts';

const upstreams =
  'upstreams:\n  - { name: a, url: ./a, charts: [nginx, "corp-*", "!corp-x"] }\n  - { name: b, url: ./b }\n';

async function warningsOf(text: string): Promise<readonly string[]> {
  const loaded = await loadText(text);
  configOf(loaded);
  if (!('warnings' in loaded)) return [];
  return loaded.warnings.map(
    ({ position, option, message }) => `${position?.line}:${position?.column} ${option}: ${message}`,
  );
}

const warningsWith = async (options: string): Promise<readonly string[]> =>
  warningsOf(`${upstreams}repositories:\n  - name: x\n    ${options}\n`);

describe('warns', () => {
  test('of an upstream that no repository offers', async () => {
    const text = `${upstreams}repositories: [{ name: x, upstreams: [a] }, { name: y, upstreams: [a] }]`;
    expect(await warningsOf(text)).toEqual([
      '3:13 upstreams[1].name: it is in no repository: what is fetched from it is offered nowhere',
    ]);
  });

  test.each(['owners: { nginx: a }', 'overlap: merge'])('of %s where there is nobody else', async (option) => {
    const text = `upstreams: [{ name: a, url: ./a }]\nrepositories:\n  - name: x\n    ${option}\n`;
    expect(await warningsOf(text)).toEqual([
      expect.stringMatching(
        /^4:1\d repositories\[0\]\.\w+: it does nothing where there is only one upstream; leave it out$/,
      ),
    ]);
  });

  test.each(['redis', 'corp-x', 'Corp-X'])('of %s that is reserved for one who may not provide it', async (chart) => {
    expect(await warningsWith(`owners: { ${chart}: a }`)).toEqual([
      `6:${17 + chart.length} repositories[0].owners.${chart}: the charts of "a" leave "${chart}" out, and nobody else may provide it`,
    ]);
  });

  test('of the same where all upstreams are told', async () => {
    const text =
      'defaults: { charts: [nginx] }\nupstreams: [{ name: a, url: ./a }, { name: b, url: ./b }]\nrepositories: [{ name: x, owners: { redis: b } }]';
    expect(await warningsOf(text)).toEqual([expect.stringContaining('the charts of "b" leave "redis" out')]);
  });

  test.each([
    ['[nginx, loki, nginx]', 2, 'nginx'],
    ['[nginx@<2, Nginx@<2]', 1, 'nginx@<2'],
    ['[nginx@<2, nginx]', 0, 'nginx'],
    ['["corp-*", corp-app]', 1, 'corp-*'],
    ['[corp-app@<2, "corp-*@<2"]', 0, 'corp-*@<2'],
    [`["corp-*@sha256:${'a'.repeat(64)}", corp-app@sha256:${'a'.repeat(64)}]`, 1, 'corp-*@'],
  ])('of what is denied by another entry already: %s', async (deny, at, by) => {
    const [warning, ...others] = await warningsWith(`deny: ${deny}`);
    expect(others).toEqual([]);
    expect(warning).toContain(`repositories[0].deny[${at}]: it adds nothing to "${by}`);
    expect(warning).toContain('in line 6; leave it out');
  });
});

test.each([
  'overlap: merge',
  'overlap: first',
  'owners: { Nginx: a, corp-app: a, "redis-*": a, redis: b }',
  'upstreams: [b, a]',
  'deny: [nginx@<2, nginx@>4, loki]',
  'deny: ["nginx-*", nginx]',
  // bytes of this digest are refused under every name
  `deny: [nginx, nginx@sha256:${'a'.repeat(64)}]`,
])('does not warn of %s', async (options) => expect(await warningsWith(options)).toEqual([]));

test.each(['team/nginx', '"**/nginx"', '"{team/nginx,other/redis}"', '"!team/redis"'])(
  'does not warn of a name that a registry may have below a path, by %s',
  async (charts) => {
    const text = `upstreams: [{ name: a, url: a.corp, discover: true, charts: [${charts}] }, { name: b, url: ./b }]\nrepositories: [{ name: x, owners: { nginx: a } }]`;
    expect(await warningsOf(text)).toEqual([]);
  },
);
