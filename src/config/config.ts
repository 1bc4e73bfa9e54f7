import type { VersionRules } from '../chart/ranges.ts';
import type { RepositoryRules } from '../chart/rules.ts';
import type { VerifyMode } from '../chart/verdict.ts';
import type { Secret } from '../lib/secret.ts';
import type { KeyringFile } from './keyring.ts';
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
  /** At least one, their names unique, in the order of the file; `root` of one at most. */
  readonly repositories: readonly RepositoryConfig[];
  readonly log: LogConfig;
}

export interface ServerConfig {
  readonly listen: ListenAddress;
  /** `same`: with the front doors. */
  readonly operations: 'same' | ListenAddress;
  /** Absent: what changes something is refused. */
  readonly adminToken: Secret | undefined;
  /** `http(s)://host[:port][/path]`, without slash at its end: where clients find us. */
  readonly publicUrl: string | undefined;
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

export type UpstreamConfig = ChartRepositoryConfig | RegistryConfig | BucketConfig | FolderConfig;

/** One of our repositories. */
export interface RepositoryConfig {
  readonly name: string;
  /** Answers without its name in the path, too. */
  readonly root: boolean;
  /** Names of its upstreams; the order is precedence. At least one. */
  readonly upstreams: readonly string[];
  readonly rules: RepositoryRules;
}

interface CommonUpstreamConfig {
  readonly name: string;
  /** What does not match is not offered and not fetched. */
  readonly versions: VersionRules;
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
  /** Absent: provenance is not checked. */
  readonly verify: VerifyConfig | undefined;
  /** Attempts at one listing or chart before it waits for its next turn. */
  readonly retries: number;
  readonly concurrency: number;
  readonly maxArchiveBytes: number;
}

/** How provenance is checked. Another content of the keyring is another configuration. */
export interface VerifyConfig {
  readonly mode: VerifyMode;
  readonly keyring: KeyringFile;
}

/** What all upstreams have that are reached over a network. */
export interface RemoteUpstreamConfig extends CommonUpstreamConfig {
  readonly auth: UpstreamAuth | undefined;
  readonly tls: UpstreamTls;
  /** Registries are spoken to without TLS: this one, or those that an index names with `oci://`. */
  readonly plainHTTP: boolean;
  /** `host` or `host:port`, lower case: where an index or a redirect may lead although the address is private. */
  readonly archiveHosts: readonly string[];
  /** Origins (`https://host[:port]`) besides the upstream's own that receive the credentials. */
  readonly passCredentials: readonly string[];
  readonly allowPrivateNetwork: boolean;
  readonly proxy: ProxyConfig;
  readonly timeoutMs: number;
  /** How many may begin in a second. */
  readonly requestsPerSecond: number;
}

/** How an upstream is authenticated to. Files behind secrets are read anew at each reveal. */
export type UpstreamAuth = PasswordAuth | TokenAuth | HeadersAuth | DockerConfigAuth | AwsAuth | GcpAuth | AzureAuth;

export interface PasswordAuth {
  readonly kind: 'password';
  /** Never holds a `:`. */
  readonly username: Secret;
  readonly password: Secret;
}

export interface TokenAuth {
  readonly kind: 'token';
  readonly token: Secret;
}

export interface HeadersAuth {
  readonly kind: 'headers';
  /** At least one; names as written, valid field names, none that HTTP itself needs. */
  readonly headers: Readonly<Record<string, Secret>>;
}

export interface DockerConfigAuth {
  readonly kind: 'docker-config';
  /** Absolute. */
  readonly file: string;
  /** Whether programs that the file names may be run for a credential. */
  readonly allowHelpers: boolean;
}

export interface AwsAuth {
  readonly kind: 'aws';
  /** Absent: the registry's own, else that of the environment. */
  readonly region: string | undefined;
  /** A role to assume with what is found. */
  readonly roleArn: string | undefined;
  /** Absent: what the environment has. */
  readonly keys: { readonly accessKeyId: Secret; readonly secretAccessKey: Secret } | undefined;
}

export interface GcpAuth {
  readonly kind: 'gcp';
  /** Absolute; absent for the ambient identity. */
  readonly keyFile: string | undefined;
}

export interface AzureAuth {
  readonly kind: 'azure';
  readonly tenantId: string | undefined;
  readonly clientId: string | undefined;
  /** Present only with both others; absent for the ambient identity, of which `clientId` chooses one. */
  readonly clientSecret: Secret | undefined;
}

/** Certificates in PEM files, absolute paths. They are read again when they change. */
export interface UpstreamTls {
  /** Trusted besides the authorities of the system. */
  readonly caFile: string | undefined;
  /** Our own certificate and its key: both or neither. */
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  readonly insecureSkipTLSVerify: boolean;
}

/** The way out. A proxy's url may hold a user name and password. */
export interface ProxyConfig {
  /** For targets without TLS. */
  readonly http: Secret | undefined;
  /** For targets with TLS. */
  readonly https: Secret | undefined;
  /** Hosts that are reached without either, as `NO_PROXY` lists them; empty for none. */
  readonly noProxy: string;
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
  /** The registry's own listing is asked for its charts. */
  readonly discover: boolean;
  /**
   * Without `discover` plain names, maybe with a path; empty when none were given: then the url may be one chart itself.
   * With it names and globs as of a chart repository, `['*']` for everything.
   */
  readonly charts: readonly string[];
}

export interface BucketConfig extends RemoteUpstreamConfig {
  readonly type: 'bucket';
  readonly maxIndexBytes: number;
  /** `s3://bucket[/prefix]` or `gs://bucket[/prefix]`, without slash at its end. */
  readonly url: string;
  /** `http(s)://host[:port]` of a server other than Amazon's or Google's own. */
  readonly endpoint: string | undefined;
  /** Names and globs; those behind `!` exclude. `['*']` for everything. */
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
