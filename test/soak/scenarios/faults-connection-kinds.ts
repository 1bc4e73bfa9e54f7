import { gzipSync } from 'node:zlib';

import type { Script, SeenRequest } from '../../support/fault-upstream.ts';
import type { Toxic } from '../../support/tcp-toxic.ts';
import { startTcpToxic } from '../../support/tcp-toxic.ts';
import type { Kind } from './faults-kind.ts';
import type { Shop } from './faults-shops.ts';
import { trouble, upstreamKind, type ShopName, type UpstreamFault, type UpstreamRig } from './faults-upstream-rig.ts';

const everywhere: readonly ShopName[] = ['named', 'registry', 'secure'];
const plainly: readonly ShopName[] = ['named', 'registry'];
const promise = 'warm reads 200 without upstream; else';

/** The network does it. */
function network(name: string, done: string, status: number, toxic: Toxic, at = everywhere): Kind<UpstreamRig> {
  return upstreamKind({
    ...{ name, done, at },
    promise: `${promise} ${status}`,
    befall: (shop) => shop.network.apply(toxic),
    expected: trouble(status),
  });
}

/** The server does it to every answer. */
function everyAnswer(
  fault: Pick<UpstreamFault, 'name' | 'done'>,
  status: number,
  change: (answer: Script, request: SeenRequest) => Script,
): Kind<UpstreamRig> {
  return upstreamKind({
    ...fault,
    ...{ promise: `${promise} ${status}, and nothing of it is kept`, at: plainly },
    befall: (shop) => shop.upstream.distort(change),
    expected: trouble(status),
  });
}

const bytesOf = ({ body = '' }: Script): Buffer => Buffer.from(body);
const half = (answer: Script): number => Math.floor(bytesOf(answer).length / 2);

const connections: readonly Kind<UpstreamRig>[] = [
  network('FLT-1 refused', 'upstream refuses connections', 502, 'refused'),
  network('FLT-1 silent', 'upstream takes connections and says nothing', 504, 'silent', plainly),
  network('FLT-1 reset', 'connections to upstream are reset at once', 502, 'reset'),
  network('FLT-2 dripping', 'every answer comes at 20 bytes in a second', 504, { bytesPerSecond: 20 }, plainly),
  upstreamKind({
    ...{ name: 'FLT-2 late', done: 'no answer begins', promise: `${promise} 504`, at: everywhere },
    befall: (shop) => hang(shop, (until) => ({ hold: until })),
    expected: trouble(504),
  }),
  upstreamKind({
    ...{ name: 'FLT-2 stuck', done: 'every answer stops in its middle', promise: `${promise} 504`, at: plainly },
    befall: (shop) => hang(shop, (until) => ({ holdBody: until })),
    expected: trouble(504),
  }),
];

/** For ever, as far as a client with its patience can tell. */
function hang(shop: Shop, how: (until: Promise<void>) => Partial<Script>): void {
  const until = new Promise<void>(() => undefined);
  shop.upstream.distort((answer) => ({ ...answer, ...how(until) }));
}

const halves: readonly Kind<UpstreamRig>[] = [
  everyAnswer({ name: 'FLT-3 short', done: 'the connection ends before Content-Length' }, 502, (answer) => ({
    ...answer,
    cutAt: half(answer),
  })),
  everyAnswer({ name: 'FLT-3 chunk cut', done: 'the connection ends before the last chunk' }, 502, (answer) => ({
    ...answer,
    framing: 'chunked',
    cutAt: half(answer),
  })),
  network(
    'FLT-3 reset halfway',
    'connections are reset after 150 bytes of an answer',
    502,
    { resetAfter: 150 },
    plainly,
  ),
  everyAnswer(
    { name: 'FLT-3 no length', done: 'half a body, its end told by the connection alone' },
    502,
    (answer) => ({
      ...answer,
      framing: 'close',
      cutAt: half(answer),
    }),
  ),
  everyAnswer({ name: 'FLT-3 half gzip', done: 'half of a compressed body, its length right' }, 502, (answer) => {
    const packed = gzipSync(bytesOf(answer));
    const body = packed.subarray(0, packed.length / 2);
    return { ...answer, body, headers: { ...answer.headers, 'content-encoding': 'gzip' } };
  }),
];

const redirects: readonly Kind<UpstreamRig>[] = [
  everyAnswer({ name: 'FLT-9 in a circle', done: 'every answer leads to itself' }, 502, (_, { target }) => ({
    status: 302,
    headers: { location: target },
  })),
  everyAnswer({ name: 'FLT-9 without end', done: 'every answer leads one further' }, 502, (_, { target }) => ({
    status: 302,
    headers: { location: `${target}x` },
  })),
  upstreamKind({
    ...{ name: 'FLT-9 out of TLS', done: 'https leads to http', promise: `${promise} 502, never in clear text` },
    at: ['secure'],
    befall: (shop, { shops }) =>
      shop.upstream.distort((_, { target }) => ({
        status: 302,
        headers: { location: `${shops.named.upstream.origin}${target}` },
      })),
    expected: trouble(502),
  }),
];

const certificates: readonly Kind<UpstreamRig>[] = [
  network('FLT-8 handshake stalls', 'a TLS handshake that nobody answers', 504, 'silent', ['secure']),
  ...(['expired', 'otherHost', 'selfSigned'] as const).map((which) =>
    upstreamKind({
      ...{ name: `FLT-8 ${which}`, done: `a certificate that is ${which}`, promise: `${promise} 502`, at: ['secure'] },
      befall: ({ upstream }, rig) => upstream.present(rig.certificates[which]),
      mend: ({ upstream }, rig) => upstream.present(rig.certificates.good),
      expected: trouble(502),
    }),
  ),
  upstreamKind({
    ...{ name: 'FLT-8 TLS 1.0', done: 'upstream speaks TLS 1.0 only', promise: `${promise} 502`, at: ['secure'] },
    befall: ({ upstream }, rig) => {
      const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
      upstream.present({ ...rig.certificates.good, ...old });
    },
    mend: ({ upstream }, rig) => upstream.present(rig.certificates.good),
    expected: trouble(502),
  }),
];

/** The name of an upstream, which its machine has to look up. */
function nameKind(name: string, done: string, found: string): Kind<UpstreamRig> {
  return upstreamKind({
    ...{ name, done, promise: `${promise} 502, and not remembered`, at: ['named'] },
    // a connection there is needs no name any more
    befall: async (shop, rig) => {
      await rig.machine({ names: { 'charts.test': found } });
      await shop.network.apply(found === '0.0.0.0' ? 'refused' : 'none');
    },
    mend: (_, rig) => rig.machine({}),
    expected: trouble(502),
  });
}

const names: readonly Kind<UpstreamRig>[] = [
  nameKind('FLT-13 no such name', "upstream's name is not known", 'ENOTFOUND'),
  nameKind('FLT-13 no name server', 'the name server does not answer', 'EAI_AGAIN'),
  nameKind('FLT-13 no address', "upstream's name leads to 0.0.0.0", '0.0.0.0'),
  {
    name: 'FLT-13 moved',
    done: "upstream's name leads to another address, and nobody is at the old one",
    promise: 'the new one is asked',
    run: async (rig) => {
      const { network, upstream } = rig.shops.named;
      const at = { host: '127.0.0.2', port: network.port };
      const moved = await startTcpToxic({ to: Number(new URL(upstream.origin).port), at });
      try {
        await network.apply('refused');
        await rig.machine({ names: { 'charts.test': moved.host } });
        await rig.client.eventually(() => rig.client.sync('named', 200));
        await rig.client.ask(rig.shops.named.nextCold(), 200);
        await rig.client.readEverything();
      } finally {
        await rig.machine({});
        await network.apply('none');
        await moved.close();
      }
      await rig.client.eventually(() => rig.client.sync('named', 200));
    },
  },
];

/** Faults of the connection to an upstream, and of the way that leads to it. */
export const connectionKinds: readonly Kind<UpstreamRig>[] = [
  ...connections,
  ...halves,
  ...redirects,
  ...certificates,
  ...names,
];
