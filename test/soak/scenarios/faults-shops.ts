import { randomBytes } from 'node:crypto';

import { chartArchive, hexDigest } from '../../support/charts.ts';
import { fakeRegistry, type FakeRegistry } from '../../support/fake-registry.ts';
import { faultUpstream, type FaultUpstream, type Script, type SeenRequest } from '../../support/fault-upstream.ts';
import { startTcpToxic, type TcpToxic } from '../../support/tcp-toxic.ts';

/** An upstream that keeps charts, with a stretch of network before it. */
export interface Shop {
  readonly name: string;
  readonly upstream: FaultUpstream;
  readonly network: TcpToxic;
  /** What the configuration says of it. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Paths that a client reads at our server, and reads again. */
  readonly warm: readonly string[];
  /** What `nextCold` has still. */
  readonly cold: readonly string[];
  /** Publishes so many versions for `nextCold`; a sync has to follow. */
  stock(versions: number): Promise<void>;
  /** At our server: a version that is listed, and that nobody asked for yet. */
  readonly nextCold: () => string;
  /** At our server: a version that nobody has, another one each time. */
  readonly nobodys: () => string;
  /** How often upstream was asked for the files of `warm`. */
  warmAsked(): number;
  /** How often upstream was asked for the file at this path of our server. */
  asked(path: string): number;
  /** All is well from now on, however it was broken. */
  mend(): Promise<void>;
  close(): Promise<void>;
}

/** A registry among them. */
export interface RegistryShop extends Shop {
  readonly upstream: FakeRegistry;
}

/** How its charts are put on the shelves. */
interface Shelves {
  put(chart: string, version: string, archive: Buffer, provenance: Buffer | undefined): void;
  /** Where upstream has an archive. */
  targetOf(archive: Buffer): string;
}

const warmCharts = 7;
const signedCharts = 3;
const usualKilobytes = 4;

interface ShopParts extends Pick<Shop, 'name' | 'upstream' | 'network' | 'settings'> {
  readonly kilobytes?: number | undefined;
  readonly charts?: number | undefined;
}

async function openShop(parts: ShopParts, shelves: Shelves): Promise<Shop> {
  const { name, upstream, network, settings, kilobytes = usualKilobytes, charts = warmCharts } = parts;
  const targets = new Map<string, string>();
  const warm: string[] = [];
  const cold: string[] = [];
  let stocked = 0;
  let missed = 0;
  const put = async (chart: string, version: string, provenance?: Buffer): Promise<string> => {
    const files = { 'files/filler.txt': randomBytes(kilobytes * 768).toString('base64') };
    const archive = await chartArchive({ name: chart, version }, files);
    shelves.put(chart, version, archive, provenance);
    const path = `/charts/${chart}/${chart}-${version}.tgz`;
    targets.set(path, shelves.targetOf(archive));
    return path;
  };
  for (let at = 0; at < charts; at += 1) {
    const isSigned = at < signedCharts;
    const path = await put(`${name}-${at}`, '1.0.0', isSigned ? signed(`${name}-${at}`) : undefined);
    warm.push(path, ...(isSigned ? [`${path}.prov`] : []));
  }
  const asked = (path: string): number => {
    const target = targets.get(path);
    return upstream.requests.filter((request) => request.target === target).length;
  };
  return {
    ...{ name, upstream, network, settings, warm, cold, asked },
    stock: async (versions) => {
      for (let at = 0; at < versions; at += 1) cold.push(await put(`${name}-cold`, `1.0.${(stocked += 1)}`));
    },
    nextCold: () => {
      const path = cold.shift();
      if (path === undefined) throw new Error(`${name} is out of stock`);
      return path;
    },
    nobodys: () => `/charts/${name}-0/${name}-0-9.0.${(missed += 1)}.tgz`,
    warmAsked: () => warm.reduce((sum, path) => sum + asked(path), 0),
    mend: async () => {
      upstream.all(undefined);
      upstream.distort(undefined);
      await network.apply('none');
    },
    close: async () => {
      await network.close();
      await upstream.close();
    },
  };
}

function signed(chart: string): Buffer {
  return Buffer.from(`-----BEGIN PGP SIGNED MESSAGE-----\n\n${chart}\n-----BEGIN PGP SIGNATURE-----\n`);
}

/** A chart repository as our server is told of it. */
interface RepositoryOptions {
  readonly name: string;
  readonly host: string;
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Of each archive, about; 4 when absent. */
  readonly kilobytes?: number;
  /** How many are there from the start; 7 when absent. */
  readonly charts?: number;
}

/** Opens a chart repository. */
export async function openRepository(options: RepositoryOptions): Promise<Shop> {
  const { name, host, tls, settings, kilobytes, charts } = options;
  const files = new Map<string, Buffer>();
  const rows = new Map<string, object[]>();
  const answer = ({ target }: SeenRequest): Script => {
    if (target === '/index.yaml')
      return { body: JSON.stringify({ apiVersion: 'v1', entries: Object.fromEntries(rows) }) };
    const body = files.get(target);
    return body ? { body } : { status: 404, body: 'no such file' };
  };
  const upstream = await faultUpstream({ otherwise: answer, ...(tls && { tls }) });
  const network = await startTcpToxic({ to: Number(new URL(upstream.origin).port) });
  const url = `${tls ? 'https' : 'http'}://${host}:${network.port}`;
  const fileOf = (archive: Buffer): string => `/files/${hexDigest(archive)}.tgz`;
  return openShop(
    { name, upstream, network, kilobytes, charts, settings: { name, url, ...settings } },
    {
      targetOf: fileOf,
      put: (chart, version, archive, provenance) => {
        const target = fileOf(archive);
        files.set(target, archive);
        if (provenance) files.set(`${target}.prov`, provenance);
        const row = { apiVersion: 'v2', name: chart, version, urls: [target.slice(1)], digest: hexDigest(archive) };
        rows.set(chart, [...(rows.get(chart) ?? []), row]);
      },
    },
  );
}

/** Opens a registry that wants a token for everything. */
export async function openRegistry(name: string): Promise<RegistryShop> {
  const upstream = await fakeRegistry({ auth: 'bearer' });
  const network = await startTcpToxic({ to: Number(new URL(upstream.origin).port) });
  const names = [...Array.from({ length: warmCharts }, (_, at) => `${name}-${at}`), `${name}-cold`];
  const repositories = new Map<string, string>();
  const url = `oci://127.0.0.1:${network.port}/lib`;
  const archiveHosts = [new URL(upstream.tokens.origin).host];
  const shop = await openShop(
    { ...{ name, upstream, network }, settings: { name, url, plainHTTP: true, charts: names, archiveHosts } },
    {
      targetOf: (archive) => `/v2/${repositories.get(hexDigest(archive)) ?? ''}/blobs/sha256:${hexDigest(archive)}`,
      put: (chart, version, archive, provenance) => {
        repositories.set(hexDigest(archive), `lib/${chart}`);
        upstream.push(`lib/${chart}`, { name: chart, version, archive, ...(provenance && { provenance }) });
      },
    },
  );
  const close = async (): Promise<void> => {
    await shop.close();
    await upstream.tokens.close();
  };
  return { ...shop, upstream, close };
}
