import { describe, expect, it } from 'vitest';

import { readAll } from '../../src/lib/bytes.ts';
import { faultUpstream } from '../support/fault-upstream.ts';
import { faultOf, never } from '../support/http.ts';
import { repositoryUpstream, type OciRequest } from '../support/repository-upstream.ts';

describe('an archive', () => {
  const open = async (
    upstream: ReturnType<typeof repositoryUpstream>,
    source: string,
    part: OciRequest[1] = 'archive',
  ) => {
    const incoming = await upstream.open(source, part, never);
    return incoming && { size: incoming.size, text: (await readAll(incoming.body, 1e6)).toString() };
  };

  it.each([
    ['charts/x.tgz', '/r/charts/x.tgz'],
    ['./x.tgz', '/r/x.tgz'],
    ['../x.tgz', '/x.tgz'],
    ['/abs/x.tgz', '/abs/x.tgz'],
    ['x-1.0.0+b.tgz', '/r/x-1.0.0+b.tgz'],
    ['a%20b.tgz', '/r/a%20b.tgz'],
  ])('is found below the url: %s is at %s', async (source, target) => {
    const server = await faultUpstream();
    server.on(target, { body: 'bytes' });
    expect(await open(repositoryUpstream(`${server.origin}/r`), source)).toEqual({ size: 5, text: 'bytes' });
  });

  it('is asked for with the query of the url when it is relative, and with its own when it is not', async () => {
    const [server, elsewhere] = [await faultUpstream(), await faultUpstream()];
    const upstream = repositoryUpstream(`${server.origin}/r?token=secret`);
    for (const source of [
      'x.tgz',
      'x.tgz?other=1',
      `${server.origin}/y.tgz?own=1`,
      `${elsewhere.origin}/x.tgz`,
      `//${new URL(elsewhere.origin).host}/x.tgz`,
      `\\\\${new URL(elsewhere.origin).host}\\x.tgz`,
    ]) {
      await open(upstream, source);
      await open(upstream, source, 'provenance');
    }
    expect(server.requests.map(({ target }) => target)).toEqual([
      ...['/r/x.tgz?token=secret', '/r/x.tgz.prov?token=secret'],
      ...['/r/x.tgz?token=secret', '/r/x.tgz.prov?token=secret'],
      ...['/y.tgz?own=1', '/y.tgz.prov?own=1'],
    ]);
    expect(elsewhere.requests.map(({ target }) => target)).toEqual([
      ...['/x.tgz', '/x.tgz.prov', '/x.tgz', '/x.tgz.prov', '/x.tgz', '/x.tgz.prov'],
    ]);
  });

  it('is taken from the first of its urls that has it, also when one before fails', async () => {
    const server = await faultUpstream();
    server.on('/broken.tgz', { status: 500 });
    server.on('/c.tgz', { body: 'third' });
    server.on('/d.tgz', { body: 'fourth' });
    expect(await open(repositoryUpstream(server.origin), 'a.tgz broken.tgz c.tgz d.tgz')).toMatchObject({
      text: 'third',
    });
    expect(server.requests.map(({ target }) => target)).toEqual(['/a.tgz', '/broken.tgz', '/c.tgz']);
  });

  it('is not there when no url has it, and unknown when one of them fails', async () => {
    const server = await faultUpstream();
    server.on('/gone.tgz', { status: 410 });
    server.on('/broken.tgz', { status: 503 });
    const upstream = repositoryUpstream(server.origin);
    expect(await upstream.open('a.tgz gone.tgz', 'archive', never)).toBeUndefined();
    for (const source of ['broken.tgz a.tgz', 'a.tgz broken.tgz']) {
      expect((await faultOf(upstream.open(source, 'archive', never))).code).toBe('upstream-failed');
    }
  });

  it.each([
    [401, 'unauthorized'],
    [403, 'forbidden'],
    [429, 'rate-limited'],
    [500, 'upstream-failed'],
    [204, 'upstream-failed'],
    [206, 'upstream-failed'],
  ])('that is answered with %i is a fault: %s', async (status, code) => {
    const server = await faultUpstream();
    server.on('/x.tgz', { status, body: status === 204 ? '' : 'no' });
    const fault = await faultOf(repositoryUpstream(server.origin).open('x.tgz', 'archive', never));
    expect([fault.code, fault.message.startsWith('fixture: ')]).toEqual([code, true]);
  });

  it('in a registry is opened there, by the url that the index names', async () => {
    const asked: OciRequest[] = [];
    const upstream = repositoryUpstream('http://127.0.0.1:1', {
      openOci: async (url, part) => {
        asked.push([url, part]);
        return part === 'archive' ? { size: 1, body: (async function* () {})() } : undefined;
      },
    });
    expect(await upstream.open('oci://r.corp/nginx:1.0.0', 'archive', never)).toMatchObject({ size: 1 });
    expect(await upstream.open('OCI://r.corp/nginx:1.0.0', 'provenance', never)).toBeUndefined();
    expect(asked).toEqual([
      ['oci://r.corp/nginx:1.0.0', 'archive'],
      ['OCI://r.corp/nginx:1.0.0', 'provenance'],
    ]);
  });

  it('at a url that leads to no web server is a fault, and nobody is asked', async () => {
    const server = await faultUpstream();
    for (const source of ['file:///etc/passwd', 'http://', 'javascript:alert(1)']) {
      const fault = await faultOf(repositoryUpstream(server.origin).open(source, 'archive', never));
      expect(fault.message).toBe('fixture: its index names an archive at a url that is none.');
    }
    expect(server.requests).toEqual([]);
  });

  it('needs no description: an index says everything', async () => {
    expect(await repositoryUpstream('http://127.0.0.1:1').describe('x.tgz', never)).toBeUndefined();
  });
});
