import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { chartArchive, hexDigest } from '../../support/charts.ts';

/** One version as its publisher offers it now. */
export interface Published {
  readonly chart: string;
  readonly version: string;
  /** As both we and the upstream are asked for it: the upstream without `/charts/<chart>`. */
  readonly path: string;
  /** Digests in hex. */
  readonly archive: string;
  readonly provenance: string | undefined;
}

interface Files {
  readonly archive: Buffer;
  readonly provenance: Buffer | undefined;
}

/** A chart repository on loopback whose publishers are restless: they publish, rewrite and withdraw. */
export class RestlessRepository {
  readonly #server = createServer((request, response) => {
    const { status, body } = this.#answer(request.url ?? '/');
    response.writeHead(status, { 'content-length': body.length }).end(body);
  });
  readonly #listed = new Map<string, Published>();
  readonly #files = new Map<string, Buffer>();

  /** Resolves when it answers. Whoever starts it takes it offline. */
  static async start(): Promise<RestlessRepository> {
    const repository = new RestlessRepository();
    repository.#server.listen(0, '127.0.0.1');
    await once(repository.#server, 'listening');
    return repository;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** A new version, with a provenance file when it is `signed`. */
  async publish(chart: string, version: string, { signed }: { readonly signed: boolean }): Promise<Published> {
    const files = await build(chart, version, signed);
    const name = `${chart}-${version}.tgz`;
    const published: Published = {
      chart,
      version,
      path: `/charts/${chart}/${name}`,
      archive: hexDigest(files.archive),
      provenance: files.provenance && hexDigest(files.provenance),
    };
    this.#files.set(`/${name}`, files.archive);
    if (files.provenance) this.#files.set(`/${name}.prov`, files.provenance);
    this.#listed.set(name, published);
    return published;
  }

  /** Other bytes for a version. */
  rewrite({ chart, version, provenance }: Published): Promise<Published> {
    return this.publish(chart, version, { signed: provenance !== undefined });
  }

  /** Takes a version out of the index and its files away. */
  withdraw({ chart, version }: Published): void {
    const name = `${chart}-${version}.tgz`;
    this.#listed.delete(name);
    for (const path of [`/${name}`, `/${name}.prov`]) this.#files.delete(path);
  }

  /** From now on nobody answers. */
  async offline(): Promise<void> {
    this.#server.closeAllConnections();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(path: string): { readonly status: number; readonly body: Buffer } {
    const body = path === '/index.yaml' ? Buffer.from(this.#index()) : this.#files.get(path);
    return body ? { status: 200, body } : { status: 404, body: Buffer.from('no such file\n') };
  }

  #index(): string {
    const rows = [...this.#listed].map(([name, { chart, version, archive }]) => ({
      apiVersion: 'v2',
      name: chart,
      version,
      urls: [name],
      digest: archive,
    }));
    return JSON.stringify({ apiVersion: 'v1', entries: Object.groupBy(rows, ({ name }) => name) });
  }
}

/** Never the same bytes twice. */
async function build(chart: string, version: string, signed: boolean): Promise<Files> {
  const filler = Array.from({ length: 64 }, () => hexDigest(Buffer.from(String(Math.random()))));
  const archive = await chartArchive({ name: chart, version }, { 'files/filler.txt': filler.join('\n') });
  const message = `-----BEGIN PGP SIGNED MESSAGE-----\n\n${chart}-${version}.tgz: sha256:${hexDigest(archive)}\n`;
  return { archive, provenance: signed ? Buffer.from(message) : undefined };
}
