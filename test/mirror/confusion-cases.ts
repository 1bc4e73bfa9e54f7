import { expect } from 'vitest';

import type { Fault } from '../../src/chart/fault.ts';
import type { TestRepository } from '../support/engine.ts';
import { ConfusionWorld, type Listed } from './confusion-world.ts';

export const day = 24 * 3_600_000;
/** The order in which both are configured. */
export const both = ['stranger', 'internal'];

/** `internal` is who the names belong to; `stranger` lists them too, longer than anybody else. */
export const usual: Readonly<Record<string, Listed>> = {
  internal: { has: ['corp-app 1.0.0', 'corp-app 1.1.0'] },
  stranger: { has: ['corp-app 1.0.0', 'corp-app 9.9.9', 'corp-new 1.0.0', 'CORP-APP 1.0.0'] },
};

/** A name that is asked for after something has happened. */
export interface Case {
  readonly upstreams?: Readonly<Record<string, Listed>>;
  /** What happens before somebody asks. */
  readonly play: (world: ConfusionWorld) => Promise<void>;
  /** Such as `corp-app 1.0.0`. */
  readonly asks: string;
  /** Whose bytes come back, else the status. */
  readonly gets: string | number;
  /** Who may stand in the index under this name, and be asked for bytes. */
  readonly owner?: string;
}

/** The stranger is alone for a day; then `internal` is configured, and is listed unless it fails. */
export async function strangerFirst(world: ConfusionWorld, rules: TestRepository, fault?: Fault): Promise<void> {
  await world.configure(['stranger'], rules);
  await world.sync('stranger');
  await world.later(day);
  world.fail('internal', fault);
  await world.configure(both, rules);
  await world.sync('internal', 'stranger');
}

/** `internal` is alone for a day; then the stranger is configured before it. */
export async function strangerLate(world: ConfusionWorld, rules: TestRepository = {}): Promise<void> {
  await world.configure(['internal'], rules);
  await world.sync('internal');
  await world.later(day);
  await world.configure(both, rules);
  await world.sync('internal', 'stranger');
}

/** Plays a case, and asks on every door. */
export async function check({ upstreams = usual, play, asks, gets, owner = 'internal' }: Case): Promise<void> {
  const world = await ConfusionWorld.of(upstreams);
  await play(world);
  // cold, and once more when everything is there that was fetched for the first
  for (const _ of ['cold', 'warm']) {
    const answers = await world.ask(asks);
    const { archive, head, provenance } = answers;
    expect({ archive, head, provenance }).toEqual({ archive: gets, head: gets, provenance: gets });
    for (const name of [...answers.listed, ...answers.opened]) expect(name).toBe(owner);
  }
}
