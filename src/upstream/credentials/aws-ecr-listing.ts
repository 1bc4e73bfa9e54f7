import { isDeepStrictEqual } from 'node:util';

import type { DescribeImagesResponse, DescribeRepositoriesResponse, ECRClient, ImageDetail } from '@aws-sdk/client-ecr';

import { Fault } from '../../chart/fault.ts';
import type { S3Identity } from '../../lib/s3-credentials.ts';
import { mustBeEcr, type PrivateEcr } from './aws-ecr-host.ts';
import { openEcr } from './aws-ecr.ts';
import { awsCaller } from './aws-keys.ts';
import { ecrIdentity, withKeys, type AwsIdentitySource, type EcrOptions } from './aws.ts';
import { calling } from './cloud-calls.ts';

/** An image of a private registry as ECR lists it; those without tags are left out. */
export interface EcrImage {
  readonly tags: readonly string[];
  readonly digest: string;
  /** Of a chart `application/vnd.cncf.helm.config.v1+json`. */
  readonly artifactMediaType?: string | undefined;
  readonly manifestMediaType?: string | undefined;
  readonly pushedAt?: Date | undefined;
}

/** What ECR's own API lists, in pages of 1,000. Faults with 'forbidden' where the identity may not. */
export interface EcrApi {
  /** The names of the registry's repositories. */
  repositories(signal: AbortSignal): AsyncIterable<string>;
  /** None for a repository that is not there. */
  images(repository: string, signal: AbortSignal): AsyncIterable<EcrImage>;
}

const pageSize = 1000;

/** The API of a private registry. Faults with 'unauthorized' at first use for a host that is none. The SDK is loaded then. */
export function ecrApi(options: EcrOptions): EcrApi {
  const asker = new Asker(options);
  return {
    repositories: async function* repositories(signal) {
      let page: DescribeRepositoriesResponse | undefined;
      do {
        const more = { maxResults: pageSize, nextToken: page?.nextToken };
        page = await asker.ask('ecr:DescribeRepositories', signal, async (client, registryId) => {
          const { DescribeRepositoriesCommand } = await import('@aws-sdk/client-ecr');
          return client.send(new DescribeRepositoriesCommand({ registryId, ...more }), { abortSignal: signal });
        });
        for (const { repositoryName } of page.repositories ?? []) if (repositoryName) yield repositoryName;
      } while (page.nextToken !== undefined);
    },
    images: async function* images(repositoryName, signal) {
      let page: DescribeImagesResponse | undefined;
      do {
        const more = { repositoryName, filter: tagged, maxResults: pageSize, nextToken: page?.nextToken };
        page = await asker.ask('ecr:DescribeImages', signal, async (client, registryId) => {
          const { DescribeImagesCommand } = await import('@aws-sdk/client-ecr');
          const command = new DescribeImagesCommand({ registryId, ...more });
          return client.send(command, { abortSignal: signal }).catch(noneWhereAbsent);
        });
        for (const detail of page.imageDetails ?? []) yield* imageOf(detail);
      } while (page.nextToken !== undefined);
    },
  };
}

const tagged = { tagStatus: 'TAGGED' } as const;

/** A repository may go while the others are read. */
function noneWhereAbsent(error: unknown): DescribeImagesResponse {
  if (error instanceof Error && error.name === 'RepositoryNotFoundException') return {};
  throw error;
}

function* imageOf(detail: ImageDetail): Iterable<EcrImage> {
  const { imageTags: tags, imageDigest: digest, imagePushedAt: pushedAt } = detail;
  const { artifactMediaType, imageManifestMediaType: manifestMediaType } = detail;
  if (tags && digest !== undefined) yield { tags, digest, artifactMediaType, manifestMediaType, pushedAt };
}

interface Connection {
  readonly keys: S3Identity;
  readonly client: ECRClient;
  /** Ends its connections. */
  readonly ended: AbortController;
}

/** Keeps one client for as long as its keys are good and it works. */
class Asker {
  readonly #options: EcrOptions;
  readonly #identity: AwsIdentitySource;
  #connection: Promise<Connection> | undefined;

  constructor(options: EcrOptions) {
    this.#options = options;
    this.#identity = ecrIdentity(options);
  }

  async ask<T>(
    action: string,
    signal: AbortSignal,
    work: (client: ECRClient, registryId: string) => Promise<T>,
  ): Promise<T> {
    const { upstream, registry } = this.#options;
    const place = mustBeEcr(upstream, registry);
    if (place.kind === 'public') {
      const message = `${upstream}: ${registry.host} does not list its repositories.`;
      throw new Fault('invalid-reference', message, 'Name the charts in charts.');
    }
    const attempt = async (keys: S3Identity) => work(await this.#client(place, keys), place.account);
    try {
      return await calling({ ...awsCaller(this.#options), action }, () => withKeys(this.#identity, attempt));
    } catch (error) {
      this.#reconnect();
      signal.throwIfAborted();
      throw error;
    }
  }

  /** The proxy's password may be another by now, and what hangs would hang for ever. */
  #reconnect(): void {
    this.#connection?.then(
      ({ ended }) => ended.abort(),
      () => undefined,
    );
    this.#connection = undefined;
  }

  async #client(place: PrivateEcr, keys: S3Identity): Promise<ECRClient> {
    const kept = await this.#connection;
    if (kept && isDeepStrictEqual(kept.keys, keys)) return kept.client;
    const ended = new AbortController();
    this.#connection = openEcr(this.#options, place, keys, ended.signal).then((client) => ({ keys, client, ended }));
    return (await this.#connection).client;
  }
}
