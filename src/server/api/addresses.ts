import { archivePath } from '../../chart/names.ts';
import { ociNameOf } from '../../formats/oci-names.ts';

/** What is known of the place where clients find the front doors. */
export interface DoorsPlace {
  /** `http(s)://host[:port][/path]`, as whoever runs the server says it. */
  readonly publicUrl: string | undefined;
  /** Where they listen, with the port that was chosen: `127.0.0.1:8080`, `[::]:8080`. */
  readonly address: string;
  readonly tls: boolean;
  /** Whether the API answers at the same port: then a request names it in its `Host`. */
  readonly shared: boolean;
}

/** Where one chart version can be had. */
export interface Addresses {
  readonly http: string;
  /** Null when a registry has no name for it, or none could be reached there. */
  readonly oci: string | null;
}

const hostGrammar = /^(?<name>[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i;
const everyAddress = /^(?:0\.0\.0\.0|\[::\])(?=:)/;

/** The front doors as a client would write them, by what it wrote itself: `http(s)://host[:port][/path]`. */
export function doorsUrl({ publicUrl, address, tls, shared }: DoorsPlace, host: string | undefined): string {
  if (publicUrl !== undefined) return publicUrl;
  const scheme = tls ? 'https' : 'http';
  const written = hostGrammar.exec(host ?? '');
  if (!written) return `${scheme}://${address.replace(everyAddress, 'localhost')}`;
  if (shared) return `${scheme}://${written[0].toLowerCase()}`;
  return `${scheme}://${address.replace(everyAddress, (written.groups?.['name'] ?? '').toLowerCase())}`;
}

/**
 * Both addresses of a version in a repository, below `doors`. The one for registries needs doors at the root of their
 * host, since `oci://host/v2/` is where the distribution specification puts a registry.
 */
export function addressesOf(
  doors: string,
  { name, root }: { readonly name: string; readonly root: boolean },
  chart: string,
  version: string,
): Addresses {
  const below = root ? doors : `${doors}/${name}`;
  const { host, pathname } = new URL(doors);
  const oci = pathname === '/' ? ociNameOf(root ? undefined : name, chart, version) : undefined;
  return {
    http: `${below}/${archivePath(chart, version)}`,
    oci: oci ? `oci://${host}/${oci.path}:${oci.tag}` : null,
  };
}
