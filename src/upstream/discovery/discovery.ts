import type { Digest } from '../../chart/digest.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Authorization } from '../credentials/authorization.ts';
import type { EcrApi } from '../credentials/aws-ecr-listing.ts';
import type { LoginSource } from '../credentials/login.ts';
import type { HttpClient } from '../http/http.ts';
import type { Reach } from '../http/reach.ts';
import type { RegistryAddress } from '../registry/address.ts';

/** All of a Chart.yaml, read as that of any other listing. */
export interface ListedChart {
  readonly name: string;
  readonly version: string;
  /** As a claim has them. */
  readonly metadata: string;
  readonly extra: string | undefined;
}

/** A tag as a product's own listing shows it. */
export interface DiscoveredTag {
  readonly tag: string;
  /** Of its manifest, where the listing says so: a tag that moves is seen at the next listing then. */
  readonly digest?: Digest | undefined;
  /** Chart.yaml as the chart's config has it, where the listing has all of it: no manifest is asked for then. */
  readonly chart?: ListedChart | undefined;
  /** RFC 3339. */
  readonly created?: string | undefined;
}

/** A repository that a product's own listing named. */
export interface DiscoveredRepository {
  /** Its whole path in the registry. */
  readonly repository: string;
  /** What it holds, without what the listing says is no chart. Absent: its list of tags is asked for. */
  readonly tags?: readonly DiscoveredTag[] | undefined;
}

/** A product's own way of saying which charts there are. */
export interface Discovery {
  /** For messages: `Harbor`, `Amazon ECR`. */
  readonly product: string;
  /**
   * Every repository that `isWanted`, below the address, in any order; with the fewest requests that say it. Never part
   * of them. Faults with 'invalid-reference' where the product cannot be browsed with these credentials: the advice
   * says to name the charts.
   */
  repositories(
    isWanted: (repository: string) => boolean,
    signal: AbortSignal,
  ): Promise<readonly DiscoveredRepository[]>;
}

/** What a discovery is made of. */
export interface DiscoveryParts {
  readonly upstream: string;
  readonly address: RegistryAddress;
  /** Of the registry itself, with its authorization. */
  readonly http: HttpClient;
  readonly reach: Reach;
  /** Absent: anonymous, or own headers. */
  readonly login: LoginSource | undefined;
  /**
   * Opens a client of a product's API, authorized for that origin alone. Only for origins that are
   * known to be the product's, or that the configuration trusts; closed with the upstream.
   */
  readonly openApi: (origin: URL, authorization: Authorization) => HttpClient;
  /** Amazon's own API, where the configuration has an identity for it. */
  readonly ecr?: EcrApi | undefined;
  readonly clock: Clock;
}
