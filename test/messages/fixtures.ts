import { chartArchive, hexDigest } from '../support/charts.ts';
import { faultUpstream, type FaultUpstream, type Script } from '../support/fault-upstream.ts';
import { openProgram, type Program, type Told } from './program.ts';

/** A row of an index. */
export interface Row {
  readonly name: string;
  readonly version: string;
  readonly urls: readonly string[];
  readonly digest?: string;
}

/** An index as a repository sends it. */
export function indexOf(rows: readonly Row[]): Script {
  const entries: Record<string, Row[]> = {};
  for (const row of rows) (entries[row.name] ??= []).push(row);
  return { body: JSON.stringify({ apiVersion: 'v1', entries }) };
}

/** A repository on loopback with `demo` 1.0.0, whose archive is answered with `answer` where that is given. */
export async function demoRepository(answer?: Script): Promise<FaultUpstream> {
  const archive = await chartArchive({ name: 'demo', version: '1.0.0' });
  const repository = await faultUpstream();
  repository.on('/index.yaml', indexOf([demoRow(hexDigest(archive))]));
  repository.on('/demo-1.0.0.tgz', answer ?? { body: archive });
  return repository;
}

/** What an index says of `demo` 1.0.0. */
export function demoRow(digest?: string): Row {
  return { name: 'demo', version: '1.0.0', urls: ['demo-1.0.0.tgz'], ...(digest !== undefined && { digest }) };
}

/** One upstream named `nexus`, with nothing fetched ahead unless told otherwise. */
export function nexus(url: string, more: object = {}): Promise<Program> {
  return openProgram({ upstreams: [{ name: 'nexus', url, mirror: 'requested', ...more }] });
}

/** What a sync is refused with where the index is answered with `answer`. */
export async function withIndex(answer: Script, more: object = {}): Promise<Told> {
  const repository = await faultUpstream();
  repository.on('/index.yaml', answer);
  return (await nexus(repository.origin, more)).sync('nexus');
}

/** The fault of `demo` 1.0.0 where its archive is answered with `answer`, and fetched ahead. */
export async function withArchive(answer: Script, row = demoRow(), more: object = {}): Promise<Told> {
  const repository = await demoRepository(answer);
  repository.on('/index.yaml', indexOf([row]));
  const program = await nexus(repository.origin, { mirror: 'all', ...more });
  await program.fill('nexus');
  return program.failed('nexus');
}
