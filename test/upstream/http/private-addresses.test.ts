import { createServer, type AddressInfo, type LookupFunction } from 'node:net';

import { describe, expect, it, onTestFinished } from 'vitest';

import { systemClock } from '../../../src/lib/clock.ts';
import { Secret } from '../../../src/lib/secret.ts';
import { chartRepository } from '../../../src/upstream/chart-repository.ts';
import type { Part } from '../../../src/upstream/contract.ts';
import { registryAuthorization } from '../../../src/upstream/credentials/registry.ts';
import { isInsideAddress } from '../../../src/upstream/http/addresses.ts';
import { ociOpener } from '../../../src/upstream/registry/oci-opener.ts';
import { faultUpstream, type FaultUpstream } from '../../support/fault-upstream.ts';
import { faultOf, httpClientOf, never, type HttpClientSettings } from '../../support/http.ts';

/** Listens at every address of the machine and must not be called: who calls is hung up on, and counted. */
interface Honeypot {
  readonly port: number;
  calls(): number;
}

async function openHoneypot(): Promise<Honeypot> {
  let calls = 0;
  const server = createServer((socket) => {
    calls += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '::', resolve));
  onTestFinished(() => new Promise((resolve) => server.close(() => resolve())));
  return { port: (server.address() as AddressInfo).port, calls: () => calls };
}

/** Spellings of this machine. Whoever dials one of them reaches the honeypot. */
const ourselves = [
  ...['127.0.0.1', '127.1', '127.0.1', '127.0.0.2', '127.255.255.254', '127.0.0.1.', '0', '0.0.0.0'],
  ...['2130706433', '0x7f000001', '0x7f.1', '0x7F.0x0.0x0.0x1', '017700000001', '0177.0.0.1', '%31%32%37.0.0.1'],
  ...['１２７.0.0.1', '127。0。0。1', '①②⑦.0.0.1', 'localhost', 'LOCALHOST', 'localhost.', 'ⓛocalhost', 'loc%61lhost'],
  ...['[::1]', '[0:0:0:0:0:0:0:1]', '[::]', '[::ffff:127.0.0.1]', '[::FFFF:7f00:1]', '[0::ffff:127.0.0.1]'],
];

/** Places inside that are somebody else: metadata services, private and shared networks, translations of them. */
const neighbours = [
  ...[
    '169.254.169.254',
    '0xA9FEA9FE',
    '2852039166',
    '0251.0376.0251.0376',
    '169.254.43518',
    '[::ffff:169.254.169.254]',
  ],
  ...[
    '[fd00:ec2::254]',
    '100.100.100.200',
    '192.0.0.192',
    '168.63.129.16',
    'metadata.google.internal',
    'METADATA.google.internal.',
  ],
  ...['metadata', 'metadata.goog', 'instance-data.ec2.internal', 'a.localhost', '10.0.0.1', '10.255.255.255'],
  ...['172.16.0.1', '172.31.255.255', '192.168.0.1', '3232235521', '100.64.0.1', '100.127.255.255', '198.18.0.1'],
  ...['198.19.255.255', '192.0.0.1', '224.0.0.1', '239.255.255.255', '240.0.0.1', '255.255.255.255', '0.1.2.3'],
  ...['[::ffff:10.1.2.3]', '[::ffff:0:10.1.2.3]', '[::127.0.0.1]', '[64:ff9b::127.0.0.1]', '[64:ff9b::a01:203]'],
  ...[
    '[64:ff9b:1::1]',
    '[2002:7f00:1::]',
    '[2001::1]',
    '[fc00::1]',
    '[fdff::1]',
    '[fe80::1]',
    '[fec0::1]',
    '[ff02::1]',
  ],
];

/** What an upstream can say to make us go somewhere. Each rejects when we do not. */
type Lead = (own: FaultUpstream, place: string, options: HttpClientSettings) => Promise<unknown>;

const opening =
  (part: Part): Lead =>
  (own, place, options) =>
    repositoryAt(own, options).open(`http://${place}/x.tgz`, part, never);

const leads: Readonly<Record<string, Lead>> = {
  'a url of an index': opening('archive'),
  'the provenance of such a url': opening('provenance'),
  'a redirect': (own, place, options) => {
    own.on('/x.tgz', { status: 302, headers: { location: `http://${place}/x.tgz` } });
    return repositoryAt(own, options).open(`${own.origin}/x.tgz`, 'archive', never);
  },
  'an oci:// url': async (own, place, options) => {
    const openClient = () => httpClientOf(own.origin, options);
    const opener = ociOpener({ upstream: 'nexus', plainHTTP: true, openClient, clock: systemClock });
    return await opener.open(`oci://${place}/charts/x:1.0.0`, 'archive', never);
  },
  'the realm of a challenge': (own, place, options) => challenge(own, `http://${place}/token`, options),
  'a redirect of a token service': (own, place, options) => {
    own.on('/token', { status: 307, headers: { location: `http://${place}/token` } });
    return challenge(own, `${own.origin}/token`, options);
  },
  'a url that a proxy would ask': (own, place, options) => proxied(own, `http://${place}/x.tgz`, options),
  'a url that a proxy would tunnel to': (own, place, options) => proxied(own, `https://${place}/x.tgz`, options),
};

function repositoryAt(own: FaultUpstream, options: HttpClientSettings): ReturnType<typeof chartRepository> {
  return chartRepository({
    name: 'nexus',
    url: new URL(own.origin),
    http: httpClientOf(own.origin, options),
    readIndex: () => Promise.reject(new Error('nobody lists here')),
    openOci: () => Promise.reject(new Error('nobody opens a registry here')),
    maxIndexBytes: 1e6,
  });
}

async function challenge(own: FaultUpstream, realm: string, options: HttpClientSettings): Promise<void> {
  own.on('/v2/x/tags/list', { status: 401, headers: { 'www-authenticate': `Bearer realm="${realm}",service="x"` } });
  const reach = {
    trusted: [new URL(own.origin)] as const,
    archiveHosts: [],
    allowPrivateNetwork: false,
    ...options.reach,
  };
  const authorization = registryAuthorization({ upstream: 'nexus', reach, clock: systemClock });
  await httpClientOf(own.origin, { ...options, authorization }).get(own.url('/v2/x/tags/list'));
}

/** The honeypot is the proxy: to be asked at all is too much. */
async function proxied(own: FaultUpstream, url: string, options: HttpClientSettings): Promise<void> {
  const proxy = Secret.of(`http://127.0.0.1:${new URL(url).port}`);
  await httpClientOf(own.origin, { ...options, proxy: { http: proxy, https: proxy } }).get(url);
}

describe('nobody leads us inside', () => {
  it.each(Object.entries(leads))('by %s, however the place is spelt', async (_, lead) => {
    const honeypot = await openHoneypot();
    for (const spelling of [...ourselves, ...neighbours]) {
      const own = await faultUpstream();
      const fault = await faultOf(lead(own, `${spelling}:${honeypot.port}`, {}));
      // neither tried nor given up: a dial that fails is a dial
      expect([spelling, fault.code]).not.toEqual([spelling, 'upstream-unreachable']);
      expect(fault.message).not.toContain('no answer');
    }
    expect(honeypot.calls()).toBe(0);
  });

  it.each(Object.entries(leads))('but they could, where it is allowed: %s', async (_, lead) => {
    const honeypot = await openHoneypot();
    const spellings = ['127.0.0.1', '127.1', '[::1]', 'localhost'];
    for (const spelling of spellings) {
      const own = await faultUpstream();
      await faultOf(lead(own, `${spelling}:${honeypot.port}`, { reach: { allowPrivateNetwork: true } }));
    }
    expect(honeypot.calls()).toBeGreaterThanOrEqual(spellings.length);
  });

  it('and is told which place it was and what allows it', async () => {
    const own = await faultUpstream();
    const client = httpClientOf(own.origin, { lookup: answering(['10.1.2.3']) });
    expect(await faultOf(client.get('http://objects.corp:9000/x?token=s3cret'))).toMatchObject({
      code: 'upstream-failed',
      message: 'nexus: it led to objects.corp:9000, which has the private address 10.1.2.3 and is not dialled.',
      advice: 'If it may be reached, name objects.corp:9000 in archiveHosts, or set allowPrivateNetwork.',
    });
    expect((await faultOf(client.get('https://2852039166/'))).message).toBe(
      'nexus: it led to 169.254.169.254:443, which is a private address and is not dialled.',
    );
  });

  it.each([
    ...['169.254.169.254', '[fd00:ec2::254]', '[fe80::1]', '[::ffff:169.254.169.254]', '168.63.129.16'],
    ...['100.100.100.200', 'metadata.google.internal', 'Metadata.', 'looked.up'],
  ])('and is not told how to allow %s, where no chart is', async (host) => {
    const client = httpClientOf('http://nexus.corp', { lookup: answering(['169.254.170.2']) });
    expect((await faultOf(client.get(`http://${host}/`))).advice).toBe(
      'Look at who wrote that index or redirect; nothing there is a chart.',
    );
  });

  it('and does not try again what will not be dialled the next time', async () => {
    const client = httpClientOf('http://nexus.corp', { lookup: answering(['10.1.2.3']) });
    for (const host of ['objects.corp', '10.1.2.3']) {
      expect((await faultOf(client.get(`http://${host}/`))).lasting).toBe(true);
    }
  });
});

/** A name server that gives one answer after the other, the last for ever. */
function answering(...answers: readonly (readonly string[])[]): LookupFunction & { asked: number } {
  const lookup: LookupFunction = (_, options, callback) => {
    const found = answers[Math.min(counted.asked, answers.length - 1)] ?? [];
    counted.asked += 1;
    const addresses = found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    if (options.all) callback(null, addresses);
    else callback(null, addresses[0]?.address ?? '', addresses[0]?.family);
  };
  const counted = Object.assign(lookup, { asked: 0 });
  return counted;
}

describe('a name', () => {
  it.each([
    ['this machine', ['127.0.0.1']],
    ['this machine by an alias', ['::1']],
    ['this machine as mapped IPv6', ['::ffff:127.0.0.1']],
    ['a metadata service', ['169.254.169.254']],
    ['a link-local address with a zone', ['fe80::1%eth0']],
    ['a public and a private address', ['93.184.216.34', '127.0.0.1']],
    ['a private and a public address', ['127.0.0.1', '93.184.216.34']],
  ])('that means %s is not dialled', async (_, addresses) => {
    const honeypot = await openHoneypot();
    const own = await faultUpstream();
    for (const scheme of ['http', 'https']) {
      const lookup = answering(addresses);
      const client = httpClientOf(own.origin, { lookup });
      const fault = await faultOf(client.get(`${scheme}://evil.corp:${honeypot.port}/`));
      expect(fault.message).toMatch(/which has the private address \S+ and is not dialled/);
      expect(lookup.asked).toBe(1);
    }
    expect(honeypot.calls()).toBe(0);
  });

  it('that was public when it was looked at first is looked at again, and only what was looked at is dialled', async () => {
    const honeypot = await openHoneypot();
    const own = await faultUpstream();
    const lookup = answering(['93.184.216.34'], ['127.0.0.1']);
    const client = httpClientOf(own.origin, { lookup });
    const url = `http://rebinding.corp:${honeypot.port}/`;
    // the tests' own guard ends this one: the address is the public one that was found
    expect((await faultOf(client.get(url))).cause).toMatchObject({
      message: expect.stringContaining('93.184.216.34') as string,
    });
    expect(lookup.asked).toBe(1);
    expect((await faultOf(client.get(url))).message).toContain('which has the private address 127.0.0.1');
    expect([lookup.asked, honeypot.calls()]).toEqual([2, 0]);
  });

  it('of the upstream itself, or in archiveHosts, may mean a private address; its other ports may not', async () => {
    const server = await faultUpstream({ otherwise: { body: 'here' } });
    const { port } = server.url('/');
    const lookup = answering(['127.0.0.1']);
    const own = httpClientOf(`http://nexus.corp:${port}`, { lookup });
    await (await own.get(`http://nexus.corp:${port}/`)).dump();
    const elsewhere = httpClientOf('http://nexus.corp', { lookup });
    expect((await faultOf(elsewhere.get(`http://nexus.corp:${port}/`))).message).toContain('is not dialled');
    const named = httpClientOf('http://nexus.corp', { lookup, reach: { archiveHosts: [`objects.corp:${port}`] } });
    await (await named.get(`http://objects.corp:${port}/`)).dump();
    expect((await faultOf(named.get(`http://other.corp:${port}/`))).message).toContain('is not dialled');
    expect(server.requests).toHaveLength(2);
  });
});

it.each([
  '8.8.8.8',
  '168.63.129.17',
  '1.1.1.1',
  '172.32.0.1',
  '100.128.0.1',
  '192.0.1.1',
  '223.255.255.255',
  '2606:4700::1',
  '::ffff:8.8.8.8',
  '64:ff9b::8.8.8.8',
])('%s is nobody of ours', (address) => {
  expect(isInsideAddress(address)).toBe(false);
});
