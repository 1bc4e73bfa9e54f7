import { inHome } from '../../support/home.ts';
import { Broken } from '../observer.ts';
import type { Scenario } from '../scenario.ts';
import { Campaign } from './kills-campaign.ts';
import { goalOf, Histogram, ordersFor, steps, type KillOrder } from './kills-orders.ts';
import { openBucket, openDisk } from './kills-stores.ts';

const readyWithinMs = 2_000;
/** How often it is tried to reach a step that was not. */
const mostTries = 5;

/** A server is killed at every step of its writing, on a disk and in a bucket. */
export const kills: Scenario = {
  name: 'kills',
  promise: 'kill -9 at every step of writing: no corrupt object, no wrong byte to a client, ready within 2 s',
  run: (rounds) => killRounds(rounds, readyWithinMs),
};

/** As the scenario, with another time within which every server has to be ready. */
export function killRounds(rounds: number, withinMs: number): Promise<string> {
  return inHome(async (home, cleanUp) => {
    const disk = await Campaign.begin(home, openDisk(`${home}/disk`), cleanUp);
    await fight(disk, ordersFor('disk', rounds));
    const bucket = await Campaign.begin(home, await openBucket(`${home}/bucket`, cleanUp), cleanUp);
    await fight(bucket, ordersFor('bucket', rounds));
    return conclude([disk, bucket], goalOf(rounds), withinMs);
  });
}

/** Until every order was carried out, however many rounds that takes. */
async function fight(campaign: Campaign, orders: readonly (KillOrder | undefined)[]): Promise<void> {
  for (const order of orders) await (order ? carryOut(campaign, order) : campaign.roundAtAnyTime());
  await campaign.end();
}

async function carryOut(campaign: Campaign, order: KillOrder): Promise<void> {
  for (let tries = 0; tries < mostTries; tries += 1) {
    if (await campaign.round(tries === 0 ? order : { ...order, skip: 0 })) return;
  }
  throw new Error(`no server came to the step "${order.step}" in ${mostTries} rounds`);
}

function conclude(campaigns: readonly Campaign[], goal: number, withinMs: number): string {
  const sum = (count: (campaign: Campaign) => number): number => campaigns.reduce((all, one) => all + count(one), 0);
  const histogram = new Histogram();
  for (const campaign of campaigns) histogram.addAll(campaign.histogram);
  console.log(`kill -9 at each step:\n${histogram.toString()}`);
  const slowestMs = Math.round(Math.max(...campaigns.map((one) => one.slowestMs)));
  const least = Math.min(...steps.map((step) => histogram.of(step)));
  const line = [
    `${sum((one) => one.rounds)} rounds on a disk and in a bucket`,
    `each of ${steps.length} steps hit at least ${least} times`,
    `${sum((one) => one.observer.reads)} reads, 0 wrong`,
    `${sum((one) => one.audit.objects)} objects, 0 corrupt`,
    `ready after ${slowestMs} ms at most`,
  ].join(', ');
  if (least < goal || slowestMs > withinMs) throw new Broken(line);
  return line;
}
