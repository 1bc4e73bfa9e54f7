import type { Script } from '../../support/fault-upstream.ts';
import { Broken } from '../observer.ts';
import type { Kind } from './faults-kind.ts';
import type { Shop } from './faults-shops.ts';
import { expectWell, trouble, upstreamKind, well, type ShopName, type UpstreamRig } from './faults-upstream-rig.ts';

const promise = 'warm reads 200 without upstream; else';
/** What begins as gzip does. */
const isArchive = ({ body = '' }: Script): boolean => Buffer.from(body).subarray(0, 2).toString('hex') === '1f8b';

/** Every answer is this one; `only` says instead of which. */
function status(answer: Script, only: (usual: Script) => boolean = () => true) {
  return ({ upstream }: Shop): void => upstream.distort((usual) => (only(usual) ? answer : usual));
}

/** Upstream refuses everybody. */
function refusals(code: number, name: string, done: string): Kind<UpstreamRig> {
  return upstreamKind({
    ...{ name, done, promise: `${promise} 502`, at: ['named', 'registry'] },
    befall: status({ status: code, body: 'no' }),
    expected: trouble(502),
  });
}

/** Archives that are listed are answered otherwise than they should be, and nothing else. */
function archives(
  name: string,
  done: string,
  cold: number,
  answer: Script,
  at: readonly ShopName[] = ['named', 'registry'],
): Kind<UpstreamRig> {
  return upstreamKind({
    ...{ name, done, promise: `${promise} ${cold}; it stays listed`, at },
    befall: status(answer, isArchive),
    expected: { ...well, cold: [cold] },
  });
}

function oneByteOff(usual: Script): Script {
  const body = Buffer.from(usual.body ?? '');
  body.writeUInt8(body.readUInt8(body.length - 1) ^ 1, body.length - 1);
  return { ...usual, body };
}

const bytes: readonly Kind<UpstreamRig>[] = [
  upstreamKind({
    ...{
      name: 'FLT-4 other bytes',
      done: 'archives of the right length with one bit changed',
      at: ['named', 'registry'],
    },
    promise: `${promise} 502, and never those bytes`,
    befall: ({ upstream }) => upstream.distort((usual) => (isArchive(usual) ? oneByteOff(usual) : usual)),
    expected: { ...well, cold: [502] },
  }),
  archives('FLT-4 a page', 'a login page with 200 where an archive should be', 502, {
    headers: { 'content-type': 'text/html' },
    body: '<!doctype html><title>Log in</title>',
  }),
];

const statuses: readonly Kind<UpstreamRig>[] = [
  refusals(401, 'FLT-5 refused credentials', 'every answer is 401'),
  refusals(403, 'FLT-6 forbidden', 'every answer is 403'),
  upstreamKind({
    ...{ name: 'FLT-6 nothing there', done: 'every answer is 404, also that to the index', at: ['named', 'registry'] },
    promise: `${promise} 404 or 502 for what is listed, and 502 for what is not: that is no repository`,
    befall: status({ status: 404, body: 'no' }),
    expected: { ...trouble(502), cold: [404, 502] },
  }),
  archives('FLT-6 archive 403', 'archives that are listed are 403', 502, { status: 403, body: 'no' }),
  archives('FLT-6 archive 404', 'archives that are listed are 404', 404, { status: 404, body: 'no' }),
  archives('FLT-6 archive 410', 'archives that are listed are 410', 404, { status: 410, body: 'no' }, ['named']),
  refusals(500, 'FLT-6 failing', 'every answer is 500'),
];

/** The registry's tokens end, one way or another, and nobody is to notice. */
function tokens(name: string, done: string, befall: (rig: UpstreamRig) => void): Kind<UpstreamRig> {
  return {
    ...{ name, done, promise: 'a new token is asked for, few times however many ask; every answer 200' },
    run: async (rig) => {
      const { registry } = rig.shops;
      const { tokens: service } = registry.upstream;
      const given = service.given;
      befall(rig);
      try {
        const cold = Array.from({ length: 5 }, () => registry.nextCold());
        await Promise.all([
          rig.client.sync(registry.name, 200),
          ...cold.map((path) => rig.client.ask(path, 200)),
          rig.client.readEverything(),
        ]);
      } finally {
        service.answerWith({ expires_in: 300 });
        service.revoke();
      }
      await expectWell(rig, registry);
      // a sync and the archives of one chart each: repositories, not requests, need tokens
      const most = 4 * registry.warm.length;
      if (service.given - given > most) throw new Broken(`${service.given - given} tokens were asked for`);
    },
  };
}

const tokenKinds: readonly Kind<UpstreamRig>[] = [
  tokens('FLT-5 revoked token', 'every token given so far is refused from now on', ({ shops }) =>
    shops.registry.upstream.tokens.revoke(),
  ),
  tokens('FLT-5 short token', 'tokens live for a second', ({ shops }) => {
    shops.registry.upstream.tokens.answerWith({ expires_in: 1 });
    shops.registry.upstream.tokens.revoke();
  }),
  tokens('FLT-5 clock behind', 'tokens were issued five minutes ago, says their server', ({ shops }) => {
    const issued_at = new Date(Date.now() - 300_000).toISOString();
    shops.registry.upstream.tokens.answerWith({ expires_in: 300, issued_at });
    shops.registry.upstream.tokens.revoke();
  }),
  upstreamKind({
    ...{ name: 'FLT-5 no tokens', done: 'the token service fails', promise: `${promise} 502`, at: ['registry'] },
    befall: (_, { shops }) => {
      shops.registry.upstream.tokens.all({ status: 500 });
      shops.registry.upstream.tokens.revoke();
    },
    mend: (_, { shops }) => shops.registry.upstream.tokens.all(undefined),
    expected: trouble(502),
  }),
];

const day = 24 * 60 * 60;

/** Upstream wants to be left alone, and is. */
function limited(
  { name, done, promise: what }: Pick<Kind<UpstreamRig>, 'name' | 'done' | 'promise'>,
  answer: () => Script,
  seconds: readonly [least: number, most: number],
): Kind<UpstreamRig> {
  const isSilent = seconds[0] > 60;
  return {
    ...{ name, done, promise: `warm reads 200 without upstream; else 503 ${what}` },
    run: async (rig) => {
      const { client } = rig;
      const shops = [rig.shops.named, rig.shops.registry];
      for (const { upstream } of shops) upstream.all(answer());
      try {
        await Promise.all([
          client.readEverything(),
          ...shops.map((shop) => expectLimited(rig, shop, seconds, isSilent)),
        ]);
      } finally {
        for (const shop of shops) await shop.mend();
      }
      for (const shop of shops) await expectWell(rig, shop);
      await client.readEverything();
    },
  };
}

async function expectLimited(
  { client }: UpstreamRig,
  { name, upstream, nextCold, nobodys }: Shop,
  [least, most]: readonly [number, number],
  isSilent: boolean,
): Promise<void> {
  await client.sync(name, 503);
  const path = nextCold();
  const told = Number((await client.ask(path, 503)).get('retry-after'));
  if (told < least || told > most) throw new Broken(`${path} says Retry-After: ${told}, not ${least} to ${most}`);
  const asked = upstream.requests.length;
  await client.ask(path, 503);
  await client.ask(nextCold(), 503);
  await client.miss(nobodys(), 503);
  if (isSilent && upstream.requests.length > asked) throw new Broken(`${name} was asked although it wanted silence`);
}

const limits: readonly Kind<UpstreamRig>[] = [
  limited(
    {
      name: 'FLT-7 in seconds',
      done: '429 with Retry-After: 1000',
      promise: 'with as much, and upstream is left alone',
    },
    () => ({ status: 429, headers: { 'retry-after': '1000' } }),
    [900, 1000],
  ),
  limited(
    { name: 'FLT-7 a date', done: '429 with a date in an hour', promise: 'with as much, and upstream is left alone' },
    () => ({ status: 429, headers: { 'retry-after': new Date(Date.now() + 3_600_000).toUTCString() } }),
    [3_500, 3_600],
  ),
  limited(
    { name: 'FLT-7 garbage', done: '429 with Retry-After: soon', promise: 'with a Retry-After of our own' },
    () => ({ status: 429, headers: { 'retry-after': 'soon' } }),
    [1, 60],
  ),
  limited(
    { name: 'FLT-7 a year', done: '429 with Retry-After of a year', promise: 'with six hours' },
    () => ({ status: 429, headers: { 'retry-after': String(365 * day) } }),
    [day / 4 - 60, day / 4],
  ),
  limited(
    { name: 'FLT-7 503', done: '503 with Retry-After: 1000', promise: 'with as much, and upstream is left alone' },
    () => ({ status: 503, headers: { 'retry-after': '1000' } }),
    [900, 1000],
  ),
];

/** What an upstream answers in place of what it should. */
export const answerKinds: readonly Kind<UpstreamRig>[] = [...bytes, ...statuses, ...tokenKinds, ...limits];
