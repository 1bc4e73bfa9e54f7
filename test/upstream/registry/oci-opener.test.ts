import { describe, expect, it } from 'vitest';

import { readAll } from '../../../src/lib/bytes.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import type { HttpClient } from '../../../src/upstream/http/http.ts';
import { ociOpener } from '../../../src/upstream/registry/oci-opener.ts';
import { chartArchive } from '../../support/charts.ts';
import { fakeRegistry } from '../../support/fake-registry.ts';
import { httpClientOf, never } from '../../support/http.ts';

/** An index's registries: one that is real, and as many others as one likes that have nothing. */
async function world() {
  const registry = await fakeRegistry({ auth: 'none' });
  const archive = await chartArchive({ name: 'podinfo', version: '1.0.0' });
  registry.push('charts/podinfo', { name: 'podinfo', version: '1.0.0', archive });
  const closed: string[] = [];
  const openClient = ({ origin, host }: URL): HttpClient => {
    const client = httpClientOf(origin);
    const close = async (): Promise<void> => {
      closed.push(host);
      await client.close();
    };
    const nothing = async () => ({ ...(await httpClientOf(registry.origin).get(registry.url('/v2/x'))), status: 404 });
    return origin === registry.origin ? { ...client, close } : { ...client, request: nothing, close };
  };
  const opener = ociOpener({ upstream: 'nexus', plainHTTP: true, clock: systemClock, openClient });
  const { host } = new URL(registry.origin);
  const open = () => opener.open(`oci://${host}/charts/podinfo:1.0.0`, 'archive', never);
  const visit = async (from: number, to: number): Promise<void> => {
    for (let at = from; at < to; at += 1) await opener.open(`oci://r${at}.corp/x:1`, 'archive', never);
  };
  return { opener, archive, closed, host, open, visit };
}

describe('the registries of an index', () => {
  it('are 32 at once, and the one unused for longest is closed', async () => {
    const { closed, visit } = await world();
    await visit(0, 32);
    await visit(0, 1);
    expect(closed).toEqual([]);
    await visit(32, 34);
    expect(closed).toEqual(['r1.corp', 'r2.corp']);
  });

  it('are not closed while a file is read from them, however many others are asked', async () => {
    const { archive, closed, host, open, visit } = await world();
    const incoming = await open();
    await visit(0, 40);
    expect(closed).not.toContain(host);
    expect(incoming && (await readAll(incoming.body, 1e6))).toEqual(archive);
    await visit(40, 41);
    expect(closed).toContain(host);
  });

  it('are given back also by a reader who does not want the file', async () => {
    const { closed, host, open, visit } = await world();
    await (await open())?.body[Symbol.asyncIterator]().return?.();
    await visit(0, 40);
    expect(closed).toContain(host);
  });

  it('are all closed in the end', async () => {
    const { opener, closed, host, open } = await world();
    await open();
    await opener.close();
    expect(closed).toEqual([host]);
  });
});
