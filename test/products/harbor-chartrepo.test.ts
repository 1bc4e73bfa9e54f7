import { describe, expect, it } from 'vitest';

import { openRecipe } from '../support/configured.ts';
import { faultOf, never } from '../support/http.ts';
import { openInternet } from '../support/internet.ts';
import { harborCharts } from '../support/products/harbor-chartrepo.ts';
import { naiveClient } from '../support/products/naive.ts';
import { basicOf, expectShelf, isUnchanged, shelfOf } from '../support/products/shelf.ts';

const environment = { HARBOR_ROBOT: 'robot$platform+charts', HARBOR_ROBOT_SECRET: 'c4nary-secret' };
const authorization = basicOf('robot$platform+charts', 'c4nary-secret');

async function world({ removed = false } = {}) {
  const shelf = await shelfOf('nginx 1.0.0', 'nginx 1.1.0');
  const internet = await openInternet({
    'harbor.corp': harborCharts(shelf, { project: 'platform', authorization, removed }),
  });
  return { shelf, internet };
}

describe("Harbor's old chart endpoint", () => {
  it('is read as its recipe says, by a robot with a dollar sign in its name', async () => {
    const { shelf, internet } = await world();
    const { upstream } = (await openRecipe("Harbor's old chart endpoint", { internet, environment })).settings;
    const listing = await expectShelf(upstream, shelf);
    expect(await isUnchanged(upstream, listing)).toBe(true);
  });

  it('refuses who brings nothing', async () => {
    const { internet } = await world();
    const ask = await naiveClient(internet);
    expect(await ask('https://harbor.corp/chartrepo/platform/index.yaml')).toMatchObject({
      status: 401,
      body: expect.stringContaining('UNAUTHORIZED') as string,
    });
  });

  it('refuses a robot that has expired, and the message says so', async () => {
    const { internet } = await world();
    const expired = { ...environment, HARBOR_ROBOT_SECRET: 'c4nary-expired' };
    const { upstream } = (await openRecipe("Harbor's old chart endpoint", { internet, environment: expired })).settings;
    expect(await faultOf(upstream.list(undefined, never))).toMatchObject({
      code: 'unauthorized',
      message: 'harbor-charts: the server refused these credentials for GET /chartrepo/platform/index.yaml (401).',
    });
  });

  it('is gone from Harbor 2.8 on, and the message says that there is no index', async () => {
    const { internet } = await world({ removed: true });
    const { upstream } = (await openRecipe("Harbor's old chart endpoint", { internet, environment })).settings;
    expect(await faultOf(upstream.list(undefined, never))).toMatchObject({
      code: 'not-a-repository',
      message: 'harbor-charts: there is no index.yaml at https://harbor.corp/chartrepo/platform/index.yaml (404).',
    });
  });
});
