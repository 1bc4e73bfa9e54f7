import { describe, expect, test } from 'vitest';

import { catalogKey } from '../../src/store/layout.ts';
import { unreachable } from '../support/fake-upstream.ts';
import { both, check, day, strangerFirst, strangerLate, usual, type Case } from './confusion-cases.ts';
import { ConfusionWorld } from './confusion-world.ts';

const together = async (world: ConfusionWorld, names: readonly string[], overlap: 'first' | 'merge' = 'first') => {
  await world.configure(names, { overlap });
  await world.sync(...names.toReversed());
};

const cases: Readonly<Record<string, Case>> = {
  'is the first’s in order when both were configured together, whoever was listed first': {
    play: (world) => together(world, ['internal', 'stranger']),
    asks: 'corp-app 1.0.0',
    gets: 'internal',
  },
  'has no versions of the second in order': {
    play: (world) => together(world, ['internal', 'stranger']),
    asks: 'corp-app 9.9.9',
    gets: 404,
  },
  'is not what was added later, as the first in order': {
    play: strangerLate,
    asks: 'corp-app 1.0.0',
    gets: 'internal',
  },
  'has no versions of what was added later': { play: strangerLate, asks: 'corp-app 9.9.9', gets: 404 },
  'is whose it was before the other one came late to its first round': {
    play: async (world) => {
      await world.configure(both);
      await world.sync('internal');
      await world.later(61_000);
      await world.sync('stranger');
    },
    asks: 'corp-app 1.0.0',
    gets: 'internal',
  },
  'waits for its owner that is down, whoever else has the same version': {
    play: async (world) => {
      await strangerLate(world);
      world.fail('internal', unreachable());
    },
    asks: 'corp-app 1.0.0',
    gets: 502,
  },
  'waits for its owner that is down with a version that only another one has': {
    play: async (world) => {
      await strangerLate(world);
      world.fail('internal', unreachable());
    },
    asks: 'corp-app 9.9.9',
    gets: 502,
  },
  'is its owner’s from the store while that is down': {
    play: async (world) => {
      await strangerLate(world);
      await world.hold('corp-app 1.0.0');
      world.fail('internal', unreachable());
    },
    asks: 'corp-app 1.0.0',
    gets: 'internal',
  },
  'stays with its owner that lists nothing any more': {
    play: async (world) => {
      await strangerLate(world);
      await world.hold('corp-app 1.0.0');
      world.upstream('internal').rows = [];
      await world.sync('internal', 'internal', 'internal', 'internal');
    },
    asks: 'corp-app 1.0.0',
    gets: 'internal',
  },
  'is nobody’s when its owner has withdrawn all of it and what is withdrawn is dropped': {
    play: async (world) => {
      await world.configure(['internal'], {}, { withdrawn: 'drop', maxShrink: 1 });
      await world.sync('internal');
      await world.later(day);
      await world.configure(both, {}, { withdrawn: 'drop', maxShrink: 1 });
      await world.hold('corp-app 1.0.0');
      world.upstream('internal').rows = [];
      await world.sync('stranger', 'internal', 'internal', 'internal');
    },
    asks: 'corp-app 1.0.0',
    gets: 404,
  },
  'is nobody’s when its owner is retired and does not hold it': {
    play: async (world) => {
      await strangerLate(world);
      await world.configure(['internal', 'stranger'], {}, { retired: true });
    },
    asks: 'corp-app 1.1.0',
    gets: 404,
  },
  'goes on with its owner’s first bytes when that has others now': {
    play: async (world) => {
      await strangerLate(world);
      await world.hold('corp-app 1.0.0');
      await world.publish('internal', 'corp-app 1.0.0', 'second');
      await world.sync('internal');
    },
    asks: 'corp-app 1.0.0',
    gets: 'internal',
  },
  'is its owner’s in a process of its own that was told nothing else': {
    play: async (world) => {
      await strangerLate(world);
      await world.start(both);
    },
    asks: 'corp-app 1.0.0',
    gets: 'internal',
  },
  'is its owner’s again after that was no upstream for a while': {
    play: async (world) => {
      await strangerLate(world);
      await world.configure(['stranger']);
      await world.hold('corp-app 1.0.0');
      await world.later(day);
      await world.configure(both);
    },
    asks: 'corp-app 1.0.0',
    gets: 'internal',
  },
  'is not given while it cannot be told what its owner listed': {
    play: async (world) => {
      await strangerLate(world);
      const { catalog } = world.chartroom.known('internal').record;
      if (catalog) await world.store.remove(catalogKey(catalog));
      await world.start(both);
    },
    asks: 'corp-app 1.0.0',
    gets: 503,
  },
  'is no image that a registry has under the same name': {
    upstreams: {
      ...usual,
      stranger: { kind: 'registry', settings: { mirror: 'all' } },
    },
    play: async (world) => {
      await world.upstream('stranger').publish('corp-app', '1.0.0', { notAChart: true });
      await strangerFirst(world, {});
    },
    asks: 'corp-app 1.0.0',
    gets: 'internal',
  },
  'is asked of everybody when all that is known of it are images': {
    upstreams: { internal: {}, stranger: { kind: 'registry', settings: { mirror: 'all' } } },
    play: async (world) => {
      await world.publish('internal', 'corp-else 1.0.0');
      await world.upstream('stranger').publish('corp-app', '2.0.0', { notAChart: true });
      await strangerFirst(world, {});
      await world.publish('internal', 'corp-app 1.0.0');
    },
    asks: 'corp-app 1.0.0',
    gets: 'internal',
  },
};

describe('a name that nobody reserved', () => {
  test.each(Object.entries(cases))('%s', (_, one) => check(one));
});

const underMerge: Readonly<Record<string, Case>> = {
  'is of the one that listed it first': {
    upstreams: { internal: { has: ['corp-app 1.0.0'] }, stranger: { has: ['corp-app 1.0.0'] } },
    play: (world) => strangerFirst(world, { overlap: 'merge' }),
    asks: 'corp-app 1.0.0',
    gets: 'stranger',
    owner: 'stranger',
  },
  'is not of one that was added later': {
    upstreams: { ...usual, stranger: { has: ['corp-app 1.0.0'] } },
    play: (world) => strangerLate(world, { overlap: 'merge' }),
    asks: 'corp-app 1.0.0',
    gets: 'internal',
  },
  'waits for who listed it first, and is down': {
    upstreams: { ...usual, stranger: { has: ['corp-app 1.0.0'] } },
    play: async (world) => {
      await strangerLate(world, { overlap: 'merge' });
      world.fail('internal', unreachable());
    },
    asks: 'corp-app 1.0.0',
    gets: 502,
  },
  'is not of one that lists it in another spelling': {
    upstreams: { ...usual, stranger: { has: ['corp-app v1.0.0', 'corp-app 1.0'] } },
    play: (world) => strangerLate(world, { overlap: 'merge' }),
    asks: 'corp-app v1.0.0',
    gets: 404,
  },
  'is not of one that lists it in the usual spelling when its owner has another': {
    upstreams: { internal: { has: ['corp-app v1.0'] }, stranger: { has: ['corp-app 1.0.0'] } },
    play: (world) => strangerLate(world, { overlap: 'merge' }),
    asks: 'corp-app 1.0.0',
    gets: 404,
  },
  'is the same in every spelling: what others list beside it changes nothing': {
    upstreams: { ...usual, stranger: { has: ['corp-app v1.0.0', 'corp-app 1.0'] } },
    play: (world) => strangerLate(world, { overlap: 'merge' }),
    asks: 'corp-app 1.0.0',
    gets: 'internal',
  },
};

describe('a version under merge', () => {
  test.each(Object.entries(underMerge))('%s', (_, one) => check(one));
});

describe('names that look alike', () => {
  const stranger = ['corp_app', 'corp.app', 'c0rp-app', 'corp-app.', 'corp--app', 'Corp-App', 'corp-app-1', 'corp-ap'];
  const upstreams = { ...usual, stranger: { has: stranger.map((name) => `${name} 2.0.0`) } };

  test.each(['corp-app 2.0.0', 'corp-app 1-2.0.0', 'corp-app 1.0.0+a'])(
    'are other names: %s is nobody’s',
    async (asks) => {
      await check({ upstreams, play: (world) => strangerFirst(world, {}), asks, gets: 404 });
    },
  );

  test.each(stranger)('are other names: %s is whose it is, and not mixed up with its like', async (name) => {
    const play = (world: ConfusionWorld) => strangerFirst(world, {});
    await check({ upstreams, play, asks: `${name} 2.0.0`, gets: 'stranger', owner: 'stranger' });
    await check({ upstreams, play, asks: 'corp-app 1.0.0', gets: 'internal' });
  });

  test.each(stranger.slice(0, 6))('can be reserved together by a glob: %s is nobody’s', async (name) => {
    const owners = [['c[o0]rp{?,--}app*', 'internal']] as const;
    await check({ upstreams, play: (world) => strangerFirst(world, { owners }), asks: `${name} 2.0.0`, gets: 404 });
  });
});

describe('addresses that mean a reserved name in another way', () => {
  test.each([
    '/charts/../charts/corp-app/corp-app-9.9.9.tgz',
    '/charts/%2e%2e/charts/corp-app/corp-app-9.9.9.tgz',
    '/charts/corp%2Dapp/corp-app-9.9.9.tgz',
    '/charts/corp-app/corp%2dapp%2d9.9.9.tgz',
    '/charts/corp-app%2F/corp-app-9.9.9.tgz',
    '/charts/x%2F..%2Fcorp-app/corp-app-9.9.9.tgz',
    '/charts/corp-app./corp-app.-9.9.9.tgz',
    '/charts/corp-app%20/corp-app%20-9.9.9.tgz',
    '/charts/%20corp-app/%20corp-app-9.9.9.tgz',
    '/charts/corp-app%00/corp-app%00-9.9.9.tgz',
    '/charts/corp-app%09/corp-app%09-9.9.9.tgz',
    '/charts/%D1%81orp-app/%D1%81orp-app-9.9.9.tgz',
    '/charts//corp-app/corp-app-9.9.9.tgz',
    '/charts/corp-app//corp-app-9.9.9.tgz',
    '/charts/corp-app/corp-app-9.9.9.tgz?repository=stranger',
    '/charts/CORP-APP/corp-app-9.9.9.tgz',
    '/charts/corp-app/CORP-APP-9.9.9.tgz',
    '/charts/corp-app/../corp-new/corp-app-9.9.9.tgz',
    '/stranger/charts/corp-app/corp-app-9.9.9.tgz',
    '/all/charts/corp-app/corp-app-9.9.9.tgz',
  ])('give no bytes of others: %s', async (path) => {
    const world = await ConfusionWorld.of(usual);
    await strangerFirst(world, { owners: [['corp-*', 'internal']] });
    for (const end of ['', '.prov']) expect([400, 404]).toContain(await world.path(path.replace('.tgz', `.tgz${end}`)));
  });
});
