import { describe, expect, test } from 'vitest';

import { explain } from '../../src/commands/explain.ts';
import type { Explanation, ExplainQuery, RepositoryWord, UpstreamWord } from '../../src/mirror/contract/explain.ts';

const digest = `sha256:${'a'.repeat(64)}` as const;

const offered: RepositoryWord = {
  repository: 'stable',
  outcome: 'offered',
  version: '15.0.3',
  provider: 'bitnami',
  providerReason: 'No other upstream of this repository lists it.',
  reason: 'No rule hides it.',
  listed: true,
  contestedBy: [],
  answer: { status: 200, text: 'The archive, from the store.' },
};

const denied: RepositoryWord = {
  ...offered,
  repository: 'edge',
  outcome: 'denied',
  reason: 'The entry nginx@<16 of deny refuses it.',
  listed: false,
  contestedBy: ['ghcr'],
  answer: { status: 403, text: 'It is denied by the rule nginx@<16.' },
};

const silence = { everListed: true, lists: false, versions: 0, withdrawn: false, claimed: [], rewritten: false };

const version: Explanation = {
  chart: 'nginx',
  version: '15.0.3',
  upstreams: [
    {
      upstream: 'bitnami',
      everListed: true,
      lists: true,
      versions: 12,
      since: '2026-01-01T00:00:00Z',
      withdrawn: true,
      claimed: [digest],
      rewritten: false,
      held: { digest, size: 1_234, heldAt: '2026-01-02T00:00:00Z', key: 'blobs/sha256/aa/aa' },
    },
    {
      ...silence,
      upstream: 'ghcr',
      fault: { code: 'unauthorized', message: 'ghcr: refused.', advice: 'Check auth.' },
    },
    ...['one', 'two'].map((upstream) => ({ ...silence, upstream })),
  ],
  repositories: [offered, denied],
  nearest: [],
};

async function run(explanation: Explanation, json = false) {
  const asked: ExplainQuery[] = [];
  const printed: string[] = [];
  const query = { chart: explanation.chart, version: explanation.version };
  const explainer = {
    explain: async (one: ExplainQuery) => {
      asked.push(one);
      return explanation;
    },
  };
  const exitCode = await explain({ explainer, query, json, print: (text) => printed.push(text) });
  return { exitCode, asked, text: printed.join('\n') };
}

describe('explain', () => {
  test('says of a version where it is offered, why, and what is known of it', async () => {
    const { exitCode, asked, text } = await run(version);

    expect(exitCode).toBe(0);
    expect(asked).toEqual([{ chart: 'nginx', version: '15.0.3' }]);
    expect(text.split('\n')).toEqual([
      'nginx 15.0.3 is offered in stable, and not in edge.',
      '',
      'stable: offered',
      '  provider  bitnami. No other upstream of this repository lists it.',
      '  rule      No rule hides it.',
      '  in lists  yes',
      '  request   200: The archive, from the store.',
      '',
      'edge: denied',
      '  provider  bitnami. No other upstream of this repository lists it.',
      '  others    ghcr: not served here',
      '  rule      The entry nginx@<16 of deny refuses it.',
      '  in lists  no',
      '  request   403: It is denied by the rule nginx@<16.',
      '',
      'Upstreams',
      '  bitnami  lists it since 2026-01-01T00:00:00Z, withdrawn by now; of the chart 12 versions',
      `           promised ${digest}`,
      `           held ${digest}, 1234 bytes, since 2026-01-02T00:00:00Z`,
      '           under blobs/sha256/aa/aa',
      '  ghcr     does not list it',
      '           ghcr: refused. Check auth.',
      '  Not listed by one, two.',
    ]);
  });

  test('says of a rewritten version what is promised by now, and that it is not what is served', async () => {
    const other = `sha256:${'b'.repeat(64)}` as const;
    const upstreams = version.upstreams.slice(0, 1).map((one) => ({
      ...one,
      claimed: [other],
      rewritten: true,
      withdrawn: false,
    }));
    const { text } = await run({ ...version, upstreams });

    expect(
      text
        .split('\n')
        .slice(-4)
        .map((line) => line.trim()),
    ).toEqual([
      `promises ${other}`,
      'rewritten: upstream promises other bytes by now; the first ones are served',
      `held ${digest}, 1234 bytes, since 2026-01-02T00:00:00Z`,
      'under blobs/sha256/aa/aa',
    ]);
  });

  test('says of what is held whether it is signed, and why that does not count', async () => {
    const lastOf = async (provenance: UpstreamWord['provenance']) => {
      const upstreams = version.upstreams.slice(0, 1).map((one) => ({ ...one, provenance }));
      return (await run({ ...version, upstreams })).text.split('\n').at(-1)?.trim();
    };

    const signer = 'Somebody <somebody@charts.example>';
    expect(await lastOf({ result: 'valid', mode: 'require', signer })).toBe(`provenance valid, signed by ${signer}`);
    expect(await lastOf({ result: 'invalid', mode: 'report', reason: 'it is for other bytes' })).toBe(
      'provenance invalid: it is for other bytes',
    );
    expect(await lastOf({ result: 'unjudged', mode: 'report' })).toBe('provenance unjudged');
  });

  test('says once what is both why nobody provides it and why it is not offered', async () => {
    const { provider: _provider, ...nobody } = denied;
    const absent = { ...nobody, outcome: 'absent', providerReason: 'Nobody lists it.' } as const;
    const shown = async (reason: string) => (await run({ ...version, repositories: [{ ...absent, reason }] })).text;

    expect(await shown('Nobody lists it.')).toMatch(/^edge: absent\n  others .*\n  rule      Nobody lists it\.$/m);
    expect(await shown('It is hidden.')).toMatch(/^  provider  Nobody lists it\.$/m);
  });

  test('says of a chart as a whole which version it speaks of, and counts the others', async () => {
    const versions = { offered: 9, listed: 5, hidden: { cooldown: 2, 'deny nginx@<15': 1 } };
    const { text } = await run({ ...version, version: undefined, repositories: [{ ...offered, versions }] });

    expect(text).toContain('nginx is offered in stable.\n');
    expect(text).toContain('  newest    15.0.3\n');
    expect(text).toContain('  versions  9 offered, 5 in lists, 2 hidden by cooldown, 1 hidden by deny nginx@<15\n');
    expect(text).toContain('  bitnami  lists 12 versions since 2026-01-01T00:00:00Z, withdrawn by now\n');
  });

  test('says of an upstream that was never listed that it was not, and not that it lists nothing', async () => {
    const never = { ...silence, everListed: false };
    const fault = { code: 'unauthorized', message: 'ghcr: refused.', advice: 'Check auth.' } as const;
    const upstreams = [
      { ...never, upstream: 'ghcr', fault },
      { ...never, upstream: 'new' },
      { ...silence, upstream: 'one' },
    ];
    const { text } = await run({ ...version, upstreams });

    expect(text.split('\n').slice(-4)).toEqual([
      '  ghcr  was never listed yet',
      '        ghcr: refused. Check auth.',
      '  Not listed by one.',
      '  Never listed yet: new.',
    ]);
  });

  test('fails for what no repository offers, and names what is near', async () => {
    const { exitCode, text } = await run({ ...version, repositories: [denied], nearest: ['15.0.4', '15.0.2'] });

    expect(exitCode).toBe(1);
    expect(text).toMatch(/^nginx 15\.0\.3 is not offered\.\n/);
    expect(text).toMatch(/\nNear to it: 15\.0\.4, 15\.0\.2\.$/);
  });

  test('prints the explanation as it is for programs', async () => {
    const { exitCode, text } = await run(version, true);

    expect(exitCode).toBe(0);
    expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(version)));
  });
});
