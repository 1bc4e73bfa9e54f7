import type { Clock } from '../../lib/clock.ts';
import type { Incoming, Part } from '../contract.ts';
import { watchedBody } from '../http/body.ts';
import type { HttpClient } from '../http/http.ts';
import { registryAddress } from './address.ts';
import { ChartImages } from './chart-images.ts';
import { RegistryClient } from './client.ts';

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

interface Registry {
  readonly http: HttpClient;
  readonly images: ChartImages;
  /** Files that are being opened or read. */
  uses: number;
}

/** An index may name many registries; the one unused for longest is closed, and none in use. */
const maxRegistries = 32;

/** Keeps one client for each registry it is sent to. */
export function ociOpener({ upstream, plainHTTP, openClient, clock }: OciOpenerOptions): OciOpener {
  /** The one used last comes last. */
  const registries = new Map<string, Registry>();
  const registryAt = (origin: URL): Registry => {
    const registry = registries.get(origin.href) ?? opened(origin);
    registries.delete(origin.href);
    registries.set(origin.href, registry);
    return registry;
  };
  const opened = (origin: URL): Registry => {
    const http = openClient(origin);
    const images = new ChartImages({ upstream, registry: new RegistryClient({ upstream, origin, http }), clock });
    return { http, images, uses: 0 };
  };
  const closeIdle = (): void => {
    for (const [origin, { http, uses }] of registries) {
      if (registries.size <= maxRegistries) return;
      if (uses > 0) continue;
      registries.delete(origin);
      void http.close();
    }
  };
  return {
    open: async (url, part, signal) => {
      const [, place = url, reference = ''] = /^(.*\/[^/:@]+)([:@][^/]+)$/.exec(url) ?? [];
      const { origin, path } = registryAddress(upstream, place, plainHTTP);
      const registry = registryAt(origin);
      registry.uses += 1;
      const done = (): void => {
        registry.uses -= 1;
        closeIdle();
      };
      const incoming = await registry.images.open(`${path}${reference}`, part, signal).catch((error: unknown) => {
        done();
        throw error;
      });
      if (incoming) return { ...incoming, body: watchedBody(incoming.body, { closed: done }) };
      done();
      return undefined;
    },
    close: async () => {
      const clients = [...registries.values()].map(({ http }) => http.close());
      registries.clear();
      await Promise.all(clients);
    },
  };
}
