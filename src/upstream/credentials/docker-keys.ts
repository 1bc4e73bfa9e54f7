import picomatch from 'picomatch';

/** What of a registry is asked for, as keys of Docker's file name it. */
export interface DockerPlace {
  /** Lower case; with the port unless that is the standard one. `docker.io` for Docker Hub. */
  readonly host: string;
  /** Below the host, without slashes at its ends; may be empty. */
  readonly path: string;
  /** What a port may be written as although it is none. */
  readonly standardPort: string;
}

const dockerHub = /^(?:index\.|registry-1\.)?docker\.io$/;
const scheme = /^https?:\/\//i;
/** A path that begins with the version of a protocol says nothing of what is meant. */
const keyGrammar = /^([^/]+)(?:\/v[12](?=\/|$))?(?:\/(.*))?$/;
const hostGrammar = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/;

/** The place of an upstream. `path` is what stands below the registry. */
export function dockerPlace({ host, protocol }: URL, path: string): DockerPlace {
  return { host: hubOr(host), path, standardPort: protocol === 'https:' ? ':443' : ':80' };
}

/**
 * The keys that are for a place, the most specific first: by path on whole segments (`quay.io/team`), then by host,
 * where `*` stands for anything within one label (`*.example.com`). A scheme and `/v1/` or `/v2/` mean nothing, a port
 * must be the same, and Docker Hub is one host under all of its names.
 */
export function keysFor(keys: readonly string[], place: DockerPlace): readonly string[] {
  const isExact = (host: string): number => Number(host === place.host);
  return keys
    .map((key) => ({ key, ...readKey(key, place.standardPort) }))
    .filter(({ host, path }) => isPathWithin(path, place.path) && isHost(host, place.host))
    .toSorted((a, b) => b.path.length - a.path.length || isExact(b.host) - isExact(a.host))
    .map(({ key }) => key);
}

function readKey(key: string, standardPort: string): Pick<DockerPlace, 'host' | 'path'> {
  const [, written = '', path = ''] = keyGrammar.exec(key.replace(scheme, '')) ?? [];
  const host = written.toLowerCase();
  const bare = host.endsWith(standardPort) ? host.slice(0, -standardPort.length) : host;
  return { host: hubOr(bare), path: path.replaceAll(/^\/+|\/+$/g, '') };
}

/** Docker Hub is one host under all of its names. */
function hubOr(host: string): string {
  return dockerHub.test(host) ? 'docker.io' : host;
}

function isPathWithin(folder: string, path: string): boolean {
  return folder === '' || path === folder || path.startsWith(`${folder}/`);
}

function isHost(pattern: string, host: string): boolean {
  if (pattern === host) return true;
  const [, patternName = '', patternPort] = hostGrammar.exec(pattern) ?? [];
  const [, name = '', port] = hostGrammar.exec(host) ?? [];
  if (!patternName.includes('*') || patternPort !== port) return false;
  const labels = name.split('.');
  const patterns = patternName.split('.');
  return patterns.length === labels.length && patterns.every((one, at) => isLabel(one, labels[at] ?? ''));
}

function isLabel(pattern: string, label: string): boolean {
  return picomatch.isMatch(label, pattern, { dot: true, noext: true, nobrace: true, nonegate: true });
}
