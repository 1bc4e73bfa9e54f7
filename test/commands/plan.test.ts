import { describe, expect, test } from 'vitest';

import { plan } from '../../src/commands/plan.ts';
import type { Plan, PlannedRepository } from '../../src/mirror/contract/plan.ts';

const unchanged: PlannedRepository = { name: 'stable', change: 'unchanged', appear: [], disappear: [], owners: [] };
const nothing: Plan = {
  first: false,
  upstreams: { added: [], removed: [], moved: [], unknown: ['never-listed'] },
  repositories: [unchanged],
  loses: false,
};

async function run(planned: Plan, json = false) {
  const printed: string[] = [];
  const exitCode = await plan({ planner: { plan: async () => planned }, json, print: (text) => printed.push(text) });
  return { exitCode, text: printed.join('\n') };
}

describe('plan', () => {
  test('says that nothing would change', async () => {
    expect(await run(nothing)).toEqual({ exitCode: 0, text: 'Nothing would change.' });
  });

  test('says what would appear, and succeeds when nothing is lost by it', async () => {
    const appear = [{ chart: 'nginx', versions: ['15.0.4'] }];
    const planned: Plan = {
      ...nothing,
      upstreams: { added: ['internal', 'bitnami'], removed: [], moved: ['podinfo'], unknown: ['internal'] },
      repositories: [
        { ...unchanged, change: 'changed', appear },
        { ...unchanged, name: 'edge', change: 'changed' },
      ],
    };

    const { exitCode, text } = await run(planned);

    expect(exitCode).toBe(0);
    expect(text.split('\n')).toEqual([
      '+ upstream internal: what it lists is known after its first sync',
      '+ upstream bitnami',
      '~ upstream podinfo: asked at another address; what it lists there is known after its next sync',
      '~ repository stable: 1 version of 1 chart appears',
      '    + nginx 15.0.4',
      '~ repository edge: nothing that it lists changes',
      '',
      'Nothing would disappear or change owner.',
    ]);
  });

  test('says that there is nothing to compare with where no server ever was', async () => {
    const upstreams = { added: ['bitnami'], removed: [], moved: [], unknown: ['bitnami'] };
    const { exitCode, text } = await run({ ...nothing, first: true, upstreams });

    expect(exitCode).toBe(0);
    expect(text).toMatch(/^This store was never served from: everything is new\.\n\+ upstream bitnami: /);
  });

  test('says of a repository that would list nothing why, as far as rules hide what there is', async () => {
    const added = { ...unchanged, change: 'added' } as const;
    const repositories: PlannedRepository[] = [
      { ...added, hidden: { cooldown: 6, 'deny nginx@<15': 1 } },
      { ...added, name: 'edge', hidden: {} },
      { ...unchanged, name: 'old', change: 'removed' },
    ];
    const { text } = await run({ ...nothing, repositories });

    expect(text.split('\n').slice(0, 3)).toEqual([
      '+ repository stable: lists nothing yet, 6 hidden by cooldown, 1 hidden by deny nginx@<15',
      '+ repository edge: lists nothing yet',
      '- repository old: it lists nothing',
    ]);
  });

  test('ends with 3 when something would disappear or change owner, and says what', async () => {
    const many = Array.from({ length: 7 }, (_, at) => `1.${6 - at}.0`);
    const planned: Plan = {
      first: false,
      upstreams: { added: [], removed: ['old'], moved: [], unknown: [] },
      repositories: [
        {
          name: 'stable',
          change: 'changed',
          appear: [],
          disappear: [{ chart: 'loki', versions: many }],
          owners: [
            { chart: 'nginx', from: 'bitnami', to: 'internal' },
            { chart: 'redis', version: '1.0.0', from: 'a', to: 'b' },
          ],
        },
        { ...unchanged, name: 'edge', change: 'removed', disappear: [{ chart: 'loki', versions: ['1.0.0'] }] },
      ],
      root: { from: 'edge', to: undefined },
      loses: true,
    };

    const { exitCode, text } = await run(planned);

    expect(exitCode).toBe(3);
    expect(text.split('\n')).toEqual([
      '- upstream old',
      '~ root: nothing answers at /, where edge does now',
      '~ repository stable: 7 versions of 1 chart disappear, 2 owners change',
      '    - loki 1.6.0, 1.5.0, 1.4.0, 1.3.0, 1.2.0 and 2 more',
      '    ~ nginx: bitnami -> internal',
      '    ~ redis 1.0.0: a -> b',
      '- repository edge: 1 version of 1 chart disappears',
      '    - loki 1.0.0',
      '',
      '8 versions would disappear, and 2 owners would change.',
    ]);
  });

  test('says of how much provenance is still to be judged, where that may hide it', async () => {
    const disappear = [{ chart: 'loki', versions: ['1.0.0'] }];
    const judging = async (more: Partial<PlannedRepository>, loses: boolean) => {
      const changed = { ...unchanged, change: 'changed', unjudged: 12, ...more } as const;
      return (await run({ ...nothing, repositories: [changed], loses })).text.split('\n');
    };

    expect(await judging({}, false)).toEqual([
      '~ repository stable: nothing that it lists changes',
      '    ? 12 versions still to be judged (verify.mode: require)',
      '',
      'Nothing would disappear or change owner, as far as provenance was judged.',
    ]);
    expect((await judging({ disappear }, true)).at(-1)).toBe(
      '1 version would disappear, as far as provenance was judged.',
    );
  });

  test('says so when only an address would be lost', async () => {
    const { exitCode, text } = await run({ ...nothing, root: { from: 'stable', to: 'edge' }, loses: true });

    expect(exitCode).toBe(3);
    expect(text).toMatch(/^~ root: edge answers at \/, where stable does now\n\nAn address would answer/);
  });

  test('shortens long lists for people, and has all of them for programs', async () => {
    const appear = Array.from({ length: 30 }, (_, at) => ({ chart: `chart-${at}`, versions: ['1.0.0'] }));
    const planned: Plan = { ...nothing, repositories: [{ ...unchanged, change: 'added', appear }] };

    const { text } = await run(planned);
    expect(text).toContain('+ repository stable: 30 versions of 30 charts appear\n');
    expect(text).toContain('    + chart-19 1.0.0\n    and 10 more\n');
    expect(text).not.toContain('chart-20 ');

    expect(JSON.parse((await run(planned, true)).text)).toEqual(planned);
  });
});
