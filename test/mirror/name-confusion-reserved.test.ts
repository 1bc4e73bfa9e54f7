import { describe, test } from 'vitest';

import { Fault } from '../../src/chart/fault.ts';
import type { TestRepository } from '../support/engine.ts';
import { unreachable } from '../support/fake-upstream.ts';
import { both, check, day, strangerFirst, usual, type Case } from './confusion-cases.ts';

const refused = new Fault('unauthorized', 'internal: refused these credentials.', 'Check auth.');
const broken = new Fault('listing-invalid', 'internal: not YAML.', 'Look at it.');

const reserved: TestRepository = { owners: [['corp-*', 'internal']] };

const whileReserved: Readonly<Record<string, Case>> = {
  'is its owner’s, whoever lists it longer': {
    play: (world) => strangerFirst(world, reserved),
    asks: 'corp-app 1.1.0',
    gets: 'internal',
  },
  'is its owner’s where the same version stands elsewhere': {
    play: (world) => strangerFirst(world, reserved),
    asks: 'corp-app 1.0.0',
    gets: 'internal',
  },
  'has no versions that only others list': {
    play: (world) => strangerFirst(world, reserved),
    asks: 'corp-app 9.9.9',
    gets: 404,
  },
  'is reserved by its exact name': {
    play: (world) => strangerFirst(world, { owners: [['corp-app', 'internal']] }),
    asks: 'corp-app 1.0.0',
    gets: 'internal',
  },
  'is reserved in lower case when it is written in upper case': {
    play: (world) => strangerFirst(world, { owners: [['Corp-App', 'internal']] }),
    asks: 'corp-app 1.0.0',
    gets: 'internal',
  },
  'is reserved in upper case when it is written in lower case': {
    play: (world) => strangerFirst(world, { owners: [['corp-app', 'internal']] }),
    asks: 'CORP-APP 1.0.0',
    gets: 404,
  },
  'is reserved by a glob in any case': {
    play: (world) => strangerFirst(world, reserved),
    asks: 'CORP-APP 1.0.0',
    gets: 404,
  },
  'goes by its exact name before a glob that gives it to another': {
    play: (world) =>
      strangerFirst(world, {
        owners: [
          ['*', 'stranger'],
          ['corp-app', 'internal'],
        ],
      }),
    asks: 'corp-app 1.0.0',
    gets: 'internal',
  },
  'is nobody’s while its owner lists none': {
    play: (world) => strangerFirst(world, reserved),
    asks: 'corp-new 1.0.0',
    gets: 404,
  },
  'is nobody’s while its owner was never listed: it is asked, and has it': {
    play: async (world) => {
      await world.configure(both, reserved);
      await world.sync('stranger');
    },
    asks: 'corp-app 1.1.0',
    gets: 'internal',
  },
  'is nobody’s while its owner has nothing at all': {
    upstreams: { ...usual, internal: {} },
    play: (world) => strangerFirst(world, reserved),
    asks: 'corp-app 1.0.0',
    gets: 502,
  },
  'waits for its owner that is down from the start': {
    play: (world) => strangerFirst(world, reserved, unreachable()),
    asks: 'corp-app 1.0.0',
    gets: 502,
  },
  'waits for its owner that refuses our credentials': {
    play: (world) => strangerFirst(world, reserved, refused),
    asks: 'corp-app 1.0.0',
    gets: 502,
  },
  'waits for its owner that answers with something else than an index': {
    play: (world) => strangerFirst(world, reserved, broken),
    asks: 'corp-app 1.0.0',
    gets: 502,
  },
  'waits for its owner that limits our rate': {
    play: (world) => strangerFirst(world, reserved, new Fault('rate-limited', 'internal: 429.', 'Wait.')),
    asks: 'corp-app 1.0.0',
    gets: 503,
  },
  'waits for its owner when it is listed, not fetched yet, and the owner is down': {
    play: async (world) => {
      await strangerFirst(world, reserved);
      world.fail('internal', unreachable());
    },
    asks: 'corp-app 1.0.0',
    gets: 502,
  },
  'is its owner’s from the store while that is down': {
    play: async (world) => {
      await strangerFirst(world, reserved);
      await world.hold('corp-app 1.0.0');
      world.fail('internal', unreachable());
    },
    asks: 'corp-app 1.0.0',
    gets: 'internal',
  },
  'is the owner’s fault when nobody lists it, the owner is down, and a stranger would have it by now': {
    play: async (world) => {
      await strangerFirst(world, reserved);
      world.fail('internal', unreachable());
      await world.publish('stranger', 'corp-fresh 1.0.0');
    },
    asks: 'corp-fresh 1.0.0',
    gets: 502,
  },
  'is not found when nobody lists it, the owner says no, and a stranger would have it by now': {
    play: async (world) => {
      await strangerFirst(world, reserved);
      await world.publish('stranger', 'corp-fresh 1.0.0');
    },
    asks: 'corp-fresh 1.0.0',
    gets: 404,
  },
  'is found with its owner as soon as that has it': {
    play: async (world) => {
      await strangerFirst(world, reserved);
      await world.publish('internal', 'corp-new 1.0.0');
    },
    asks: 'corp-new 1.0.0',
    gets: 'internal',
  },
  'is found with its owner that cannot be listed, by its exact name': {
    upstreams: { ...usual, internal: { has: ['corp-app 1.0.0'], kind: 'registry', settings: { unlisted: true } } },
    play: (world) => strangerFirst(world, reserved),
    asks: 'corp-app 1.0.0',
    gets: 'internal',
  },
  'is nobody’s when its owner is retired and never held it': {
    upstreams: { ...usual, internal: { ...usual['internal'], settings: { retired: true } } },
    play: (world) => strangerFirst(world, reserved),
    asks: 'corp-app 1.0.0',
    gets: 404,
  },
  'is its retired owner’s when that held it': {
    play: async (world) => {
      await strangerFirst(world, reserved);
      await world.hold('corp-app 1.0.0');
      await world.configure(both, reserved, { retired: true });
    },
    asks: 'corp-app 1.0.0',
    gets: 'internal',
  },
  'is nobody’s when its owner has withdrawn it and what is withdrawn is dropped': {
    play: async (world) => {
      await world.configure(both, reserved, { withdrawn: 'drop', maxShrink: 1 });
      await world.sync('stranger', 'internal');
      await world.hold('corp-app 1.0.0');
      world.upstream('internal').withdraw('corp-app', '1.0.0');
      await world.sync('internal', 'internal', 'internal');
    },
    asks: 'corp-app 1.0.0',
    gets: 404,
  },
  'is nobody’s in a version that its owner’s ranges leave out': {
    upstreams: { ...usual, internal: { ...usual['internal'], settings: { versions: [['*', '>=1.1']] } } },
    play: (world) => strangerFirst(world, reserved),
    asks: 'corp-app 1.0.0',
    gets: 404,
  },
  'is nobody’s when its owner may not offer it': {
    upstreams: { ...usual, internal: { ...usual['internal'], settings: { charts: ['corp-lib'] } } },
    play: (world) => strangerFirst(world, reserved),
    asks: 'corp-app 1.0.0',
    gets: 404,
  },
  'is nobody’s when its owner is no upstream of the repository any more': {
    play: async (world) => {
      await strangerFirst(world, reserved);
      await world.configure(['stranger'], reserved);
    },
    asks: 'corp-app 1.0.0',
    gets: 404,
  },
  'is its owner’s again when that is an upstream again': {
    play: async (world) => {
      await strangerFirst(world, reserved);
      await world.configure(['stranger'], reserved);
      await world.later(day);
      await world.configure(both, reserved);
    },
    asks: 'corp-app 1.0.0',
    gets: 'internal',
  },
  'is its owner’s from the moment it is reserved, although the stranger’s bytes are held': {
    play: async (world) => {
      await strangerFirst(world, {});
      await world.hold('corp-app 1.0.0');
      await world.configure(both, reserved);
    },
    asks: 'corp-app 1.0.0',
    gets: 'internal',
  },
  'is its owner’s under merge too': {
    play: (world) => strangerFirst(world, { ...reserved, overlap: 'merge' }),
    asks: 'corp-app 1.0.0',
    gets: 'internal',
  },
  'has no versions of others under merge either': {
    play: (world) => strangerFirst(world, { ...reserved, overlap: 'merge' }),
    asks: 'corp-app 9.9.9',
    gets: 404,
  },
};

describe('a reserved name', () => {
  test.each(Object.entries(whileReserved))('%s', (_, one) => check(one));
});
