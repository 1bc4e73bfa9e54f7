import { Fault } from '../../chart/fault.ts';
import { isRepository } from '../../formats/oci-manifest.ts';

/** Where a registry is and which part of it is meant. */
export interface RegistryAddress {
  /** What credentials belong to: scheme, host and port. */
  readonly origin: URL;
  /** The path below it, without slashes at its ends; empty for the registry as a whole. */
  readonly path: string;
}

const grammar = /^(?:(oci|https?):\/\/)?((?:\[[0-9a-f:.]+\]|[^/?#@:[\]]+)(?::\d+)?)(?:\/([^?#@]*?))?\/?$/i;
const dockerHub = /^(?:index\.|registry-1\.)?docker\.io$/;

/**
 * Reads `oci://host/path`, `host/path` or `https://host/path`. TLS unless `plainHTTP`. Docker Hub answers at one
 * host whatever it is called. Faults with 'invalid-reference'.
 */
export function registryAddress(upstream: string, url: string, plainHTTP: boolean): RegistryAddress {
  const [, scheme, host = '', path = ''] = grammar.exec(url) ?? [];
  const origin = originOf(plainHTTP || scheme?.toLowerCase() === 'http', host);
  if (origin && (path === '' || isRepository(path))) return { origin, path };
  const message = `${upstream}: its url is not the address of a registry.`;
  throw new Fault('invalid-reference', message, 'Write oci://host/path, in lower case and without tag or digest.');
}

function originOf(plain: boolean, host: string): URL | null {
  const origin = host === '' ? null : URL.parse(`${plain ? 'http' : 'https'}://${host}`);
  if (origin && dockerHub.test(origin.hostname)) origin.hostname = 'registry-1.docker.io';
  return origin;
}

/** The repository of a name below the address; a lone name at Docker Hub is one of its library. */
export function repositoryAt({ origin, path }: RegistryAddress, name: string): string {
  const repository = [path, name].filter(Boolean).join('/');
  return dockerHub.test(origin.hostname) && !repository.includes('/') ? `library/${repository}` : repository;
}

/** The name of the chart that a repository holds: its last segment, as `helm push` has it. */
export function chartOf(repository: string): string {
  return repository.slice(repository.lastIndexOf('/') + 1);
}
