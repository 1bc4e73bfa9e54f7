import { describe, expect, test } from 'vitest';

import { check } from '../../src/commands/check.ts';
import { describeProblem } from '../../src/config/problem.ts';
import { summarize } from '../../src/config/summary.ts';
import { configOf, loadText } from '../config/support.ts';

describe('check', () => {
  test('prints every problem on a line of its own, and fails with 2', async () => {
    const loaded = await loadText('upstreams:\n  - name: A\n    urll: ./a\n');
    if (!('problems' in loaded)) throw new Error('no problem was found');
    const { text, exitCode } = check({ problems: loaded.problems.map(describeProblem) });
    expect(exitCode).toBe(2);
    expect(text.split('\n')).toEqual([
      expect.stringMatching(/config\.yaml:2:11 upstreams\[0\]\.name: found "A"; expected a DNS label/),
      expect.stringMatching(/config\.yaml:3:5 upstreams\[0\]\.urll: unknown option "urll"; did you mean "url"\?$/),
      '',
      '2 problems.',
      '',
    ]);
  });

  test('says how provenance is checked, and by how many keys, where anybody checks it', async () => {
    const [first, second] = summarize(
      configOf(await loadText('upstreams: [{ name: a, url: ./a }, { name: b, url: ./b }]')),
    ).upstreams;
    if (!first || !second) throw new Error('there are two');
    const upstreams = [{ ...first, verify: 'require, 2 keys' }, second];
    const { text } = check({ file: 'config.yaml', settings: [], upstreams, repositories: [], warnings: [] });
    const cells = text.split('\n').map((line) => line.split(/ {2,}/).slice(5, 7));
    expect(cells.slice(2, 5)).toEqual([
      ['AUTH', 'VERIFY'],
      ['none', 'require, 2 keys'],
      ['none', 'none'],
    ]);
  });

  test('prints what is configured and what is doubtful, and succeeds', async () => {
    const loaded = await loadText(
      `
server: { listen: "[::1]:8080", adminToken: canary }
store: { s3: { bucket: charts, prefix: a, endpoint: https://s3.corp } }
upstreams:
  - { name: podinfo, url: "http://a.corp/x?sig=canary", auth: { username: u, password: canary }, mirror: { newest: 3 } }
  - { name: oci, url: ghcr.io/a/b, interval: 0, versions: ">=1" }
repositories:
  - { name: stable, root: true, upstreams: [oci, podinfo], owners: { "corp-*": oci }, cooldown: 72h }
  - { name: all }
`,
    );
    const config = configOf(loaded);
    const warnings = 'warnings' in loaded ? loaded.warnings.map(describeProblem) : [];
    const { text, exitCode } = check({ ...summarize(config), file: 'config.yaml', warnings });
    expect(exitCode).toBe(0);
    expect(text).not.toContain('canary');
    expect(text.replace(/warning: .*config\.yaml/, 'warning: config.yaml'))
      .toBe(`config.yaml is valid: 2 upstreams, 2 repositories, 1 warning.

listen       [::1]:8080 (HTTP)
operations   same
public url   none: the address that was asked
admin token  set
store        bucket charts at https://s3.corp, below a/
log          info, pretty on a terminal, else json

NAME     TYPE              URL                INTERVAL  MIRROR    AUTH                    CHARTS
podinfo  chart-repository  http://a.corp/x    2m        newest 3  user name and password  *
oci      registry          oci://ghcr.io/a/b  by hand   all       none                    the url itself, or what is asked for; versions >=1

REPOSITORY  ANSWERS AT   UPSTREAMS     RULES
stable      /, /stable/  oci, podinfo  corp-* from oci alone; cooldown 72h
all         /all/        podinfo, oci  none

warning: config.yaml:5:27 upstreams[0].url: the credentials are sent to a.corp without TLS, where others can read them
`);
  });

  test('says one problem in the singular', () => {
    expect(check({ problems: ['a: b'] }).text).toBe('a: b\n\n1 problem.\n');
  });
});
