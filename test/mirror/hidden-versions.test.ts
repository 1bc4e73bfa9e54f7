import { describe, expect, test } from 'vitest';

import { hexOf } from '../../src/chart/digest.ts';
import { readDocuments } from '../../src/formats/chart-documents.ts';
import { openLog } from '../../src/lib/log.ts';
import { EngineExplainer } from '../../src/mirror/explain.ts';
import { Documents } from '../../src/mirror/reading/documents.ts';
import { EngineLibrary } from '../../src/mirror/reading/library.ts';
import { openDoors } from '../server/open-doors.ts';
import { pass, type TestEngine } from '../support/engine.ts';
import { hidings, type Whereabouts } from './hidden-cases.ts';
import { doors, type Door, type House } from './hidden-doors.ts';
import { canary, World } from './hidden-world.ts';

async function houseOf({ engine, reader, images, operator }: TestEngine, { store }: World): Promise<House> {
  const log = openLog({ level: 'error', format: 'json' }, { write: () => undefined });
  const documents = new Documents({ store, mirror: reader, extract: async (bytes) => readDocuments(bytes), log });
  const library = new EngineLibrary({ engine, mirror: reader, documents });
  const explainer = new EngineExplainer(engine);
  const faces = { mirror: reader, provenances: reader, images, operator, telemetry: operator, library, explainer };
  const { ask } = await openDoors(faces);
  return { ask, reader };
}

/** What each door tells, when all are asked one after the other. */
async function askEveryDoor(chartroom: TestEngine, world: World) {
  const house = await houseOf(chartroom, world);
  const told = [];
  for (const door of doors) {
    told.push({ door, ...(await door.ask(house, world.target)) });
    // a listing for whoever asks by name begins every two seconds at most
    await pass(chartroom.clock, 3_000, 3_000);
  }
  return told;
}

/** Whether anything tells of the version that is to be hidden: what it says, or what its bytes are. */
function isTold({ target }: World, { door, text }: { readonly door: Door; readonly text: string }): boolean {
  return text.includes(canary) || text.includes(hexOf(target.digests.archive)) || door.tells?.(target, text) === true;
}

const everywhere: readonly Whereabouts[] = ['in memory', 'in the store', 'cold', 'found by name'];

describe.each(['chart-repository', 'registry'] as const)('a version of a %s', (kind) => {
  test.each(everywhere)('that nothing hides and is %s is told by every door', async (whereabouts) => {
    const world = new World(kind, { name: 'nothing', status: 404, says: /nothing/ });
    const chartroom = await world.open(whereabouts);
    const house = await houseOf(chartroom, world);
    await house.ask('/charts/demo/demo-1.0.0.tgz');
    await chartroom.operator.settled();
    const told = await askEveryDoor(chartroom, world);

    expect(told.map(({ door, status }) => `${door.name}: ${status}`)).toEqual(
      doors.map(({ name, open }) => `${name}: ${open}`),
    );
    const silent = told.filter((one) => one.status < 206 && !one.door.isMute && !isTold(world, one));
    expect(silent.map(({ door }) => door.name)).toEqual([]);
  });

  const cases = hidings.flatMap((hiding) =>
    everywhere
      .filter((whereabouts) => !hiding.except?.includes(whereabouts) && !hiding.except?.includes(kind))
      .map((whereabouts) => [hiding.name, whereabouts, hiding] as const),
  );

  test.each(cases)('that is hidden by %s and %s is told by no door', async (_name, whereabouts, hiding) => {
    const world = new World(kind, hiding);
    const chartroom = await world.open(whereabouts);
    const told = await askEveryDoor(chartroom, world);

    const { status, says, isSilent } = hiding;
    const allowed: Readonly<Record<Door['kind'], readonly number[]>> = {
      list: [200],
      chart: [200, 404],
      version: [status],
      digest: [403, 404],
      beside: [200, 403, 404],
    };
    // another upstream may have other versions of that name
    const isTelling = (one: (typeof told)[number]) =>
      isTold(world, one) && !(hiding.isInside && one.door.name === 'catalog');
    const wrong = told.filter((one) => !allowed[one.door.kind].includes(one.status) || isTelling(one));
    expect(wrong).toEqual([]);
    expect(told.find(({ door }) => door.name === 'archive')?.text).toMatch(says);
    if (isSilent) expect(world.outside.calls).toEqual([]);
    // what is beside it is there
    const { ask } = await houseOf(chartroom, world);
    const others = hiding.settings?.retired || hiding.rules?.(noDigests).upstreams ? 'more' : 'other';
    expect((await ask(`/charts/${others}/${others}-1.0.0.tgz`)).status).toBe(200);
  });
});

const noDigests = { archive: 'sha256:', manifest: 'sha256:', config: 'sha256:' } as const;
