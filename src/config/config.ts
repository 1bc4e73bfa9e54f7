import type { Secret } from '../lib/secret.ts';
import type { ListenAddress } from './leaf.ts';

export type { ListenAddress } from './leaf.ts';

/** A validated configuration, every default applied, every path absolute, durations in ms and sizes in bytes. */
export interface Config {
  /** The file it came from, as it was named. */
  readonly file: string;
  readonly server: ServerConfig;
  readonly store: StoreConfig;
  /** At least one, their names unique, in the order of the file. */
  readonly upstreams: readonly UpstreamConfig[];
  readonly log: LogConfig;
}

export interface ServerConfig {
  readonly listen: ListenAddress;
  /** `same`: with the front doors. */
  readonly operations: 'same' | ListenAddress;
  /** Absent: what changes something is refused. */
  readonly adminToken: Secret | undefined;
  readonly tls: ServerTls | undefined;
  readonly coldWaitMs: number;
  readonly shutdownGraceMs: number;
}

/** PEM files of the server's certificate and key. Whether they can be read is found out by who serves. */
export interface ServerTls {
  readonly certFile: string;
  readonly keyFile: string;
}

export type StoreConfig = FilesystemConfig | S3Config;

export interface FilesystemConfig {
  readonly kind: 'filesystem';
  readonly path: string;
}

export interface S3Config {
  readonly kind: 's3';
  /** `https://host[:port]`; absent for AWS. */
  readonly endpoint: string | undefined;
  readonly region: string;
  readonly bucket: string;
  /** Empty, or a path with `/` at its end and none at its start. */
  readonly prefix: string;
  /** Absent for the identity of the environment. */
  readonly keys: S3Keys | undefined;
  readonly pathStyle: boolean;
  readonly createBucket: boolean;
}

export interface S3Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret;
}

/** Which archives are fetched ahead; with `newest` so many versions of each chart. */
export type MirrorPolicy = 'all' | 'requested' | { readonly newest: number };

export type UpstreamConfig = ChartRepositoryConfig | RegistryConfig | FolderConfig;

interface CommonUpstreamConfig {
  readonly name: string;
  /** 0: by hand only. */
  readonly intervalMs: number;
  /** Never contacted; what is held goes on being offered. */
  readonly retired: boolean;
  readonly mirror: MirrorPolicy;
  /** Other bytes under a name and version that we hold: left alone until an operator accepts them, or taken. */
  readonly rewritten: 'refuse' | 'accept';
  /** Versions that upstream no longer lists: offered still, or not. */
  readonly withdrawn: 'keep' | 'drop';
  /** With `drop`: the share of its versions, 0 to 1, that a listing may lose before it waits for an operator. */
  readonly maxShrink: number;
  /** Attempts at one listing or chart before it waits for its next turn. */
  readonly retries: number;
  readonly concurrency: number;
  readonly maxArchiveBytes: number;
}

interface RemoteUpstreamConfig extends CommonUpstreamConfig {
  readonly auth: UpstreamAuth | undefined;
  /** Registries are spoken to without TLS: this one, or those that an index names with `oci://`. */
  readonly plainHTTP: boolean;
  readonly timeoutMs: number;
  /** How many may begin in a second. */
  readonly requestsPerSecond: number;
}

export interface UpstreamAuth {
  /** Never holds a `:`. */
  readonly username: string;
  readonly password: Secret;
}

export interface ChartRepositoryConfig extends RemoteUpstreamConfig {
  readonly type: 'chart-repository';
  readonly maxIndexBytes: number;
  /** `http://` or `https://`, without user info and fragment; its query may hold a secret. */
  readonly url: string;
  /** Names and globs; those behind `!` exclude. `['*']` for everything. */
  readonly charts: readonly string[];
}

export interface RegistryConfig extends RemoteUpstreamConfig {
  readonly type: 'registry';
  /** `oci://host[:port][/path]`, without tag, query and slash at its end. */
  readonly url: string;
  /** Plain names; empty when none were given: then the url may be one chart itself. */
  readonly charts: readonly string[];
}

export interface FolderConfig extends CommonUpstreamConfig {
  readonly type: 'folder';
  /** `file:///...`, for people. */
  readonly url: string;
  /** The absolute path of the folder. */
  readonly path: string;
  /** Names and globs; those behind `!` exclude. `['*']` for everything. */
  readonly charts: readonly string[];
}

export interface LogConfig {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** Absent: `pretty` on a terminal, else `json`. */
  readonly format: 'json' | 'pretty' | undefined;
}
