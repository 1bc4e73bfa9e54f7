import { LRUCache } from 'lru-cache';

import type { Clock } from '../lib/clock.ts';
import { ChartImages } from './chart-images.ts';
import type { Incoming, Part } from './contract.ts';
import type { HttpClient } from './http.ts';
import { registryAddress } from './registry-address.ts';
import { RegistryClient } from './registry-client.ts';

interface OciOpenerOptions {
  /** The upstream whose index names the registries. */
  readonly upstream: string;
  /** Registries are spoken to without TLS. */
  readonly plainHTTP: boolean;
  /** Opens the client of a registry; its authorization decides who gets credentials. */
  readonly openClient: (origin: URL) => HttpClient;
  readonly clock: Clock;
}

/** Opens chart files that an index names with `oci://host/path:tag` or `oci://host/path@sha256:...`. */
export interface OciOpener {
  /** Undefined when the registry does not have it. Faults with 'invalid-reference', 'not-a-chart' and the client's own. */
  open(url: string, part: Part, signal: AbortSignal): Promise<Incoming | undefined>;
  /** Closes the clients of all registries. */
  close(): Promise<void>;
}

/** An index may name many registries; the one unused for longest is closed. */
const maxRegistries = 32;

/** Keeps one client for each registry it is sent to. */
export function ociOpener({ upstream, plainHTTP, openClient, clock }: OciOpenerOptions): OciOpener {
  const registries = new LRUCache<string, { readonly http: HttpClient; readonly images: ChartImages }>({
    max: maxRegistries,
    dispose: ({ http }) => void http.close(),
  });
  const imagesAt = (origin: URL): ChartImages => {
    const known = registries.get(origin.href);
    if (known) return known.images;
    const http = openClient(origin);
    const registry = new RegistryClient({ upstream, origin, http, maxPages: 1 });
    const images = new ChartImages({ upstream, registry, clock });
    registries.set(origin.href, { http, images });
    return images;
  };
  return {
    open: async (url, part, signal) => {
      const [, place = url, reference = ''] = /^(.*\/[^/:@]+)([:@][^/]+)$/.exec(url) ?? [];
      const { origin, path } = registryAddress(upstream, place, plainHTTP);
      return await imagesAt(origin).open(`${path}${reference}`, part, signal);
    },
    close: async () => {
      const clients = [...registries.values()].map(({ http }) => http.close());
      registries.clear();
      await Promise.all(clients);
    },
  };
}
