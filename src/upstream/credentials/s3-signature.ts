import { createHash, createHmac } from 'node:crypto';

import type { Clock } from '../../lib/clock.ts';
import type { S3Identity } from '../../lib/s3-credentials.ts';
import type { Authorization, AuthorizedRequest, Presented } from './authorization.ts';
import type { AwsIdentitySource } from './aws.ts';

export interface S3SignatureOptions {
  readonly identity: AwsIdentitySource;
  /** Asked anew for each request: it may be learned from an answer. */
  readonly region: () => string;
  readonly clock: Clock;
}

/** Signs requests without a body as Amazon S3 wants it (AWS Signature Version 4). The signer is loaded on first use. */
export class S3Signature implements Authorization {
  readonly #options: S3SignatureOptions;
  #used: S3Identity | undefined;

  constructor(options: S3SignatureOptions) {
    this.#options = options;
  }

  async present(request: AuthorizedRequest): Promise<Presented> {
    this.#used = await this.#options.identity();
    return this.#sign(this.#used, request);
  }

  /** S3 says that it refuses us with a 403, which the bucket's client sees. */
  async answer(): Promise<undefined> {
    return undefined;
  }

  describe(): string {
    return 'AWS signature';
  }

  isAnonymous(): boolean {
    return false;
  }

  /** Whether there is another identity than the one that was used last. */
  async renew(): Promise<boolean> {
    const refused = this.#used;
    const other = await this.#options.identity(refused);
    return other.secretAccessKey !== refused?.secretAccessKey || other.sessionToken !== refused.sessionToken;
  }

  async #sign(credentials: S3Identity, { method, url }: AuthorizedRequest): Promise<Presented> {
    const { SignatureV4 } = await import('@smithy/signature-v4');
    const { region, clock } = this.#options;
    const signer = new SignatureV4({
      service: 's3',
      region: region(),
      credentials: withoutUndefined(credentials),
      sha256: Sha256,
      // a key is encoded once
      uriEscapePath: false,
    });
    // headers that a proxy may change are left unsigned
    const request = {
      method,
      protocol: url.protocol,
      hostname: url.hostname,
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      headers: { host: url.host },
    };
    const signed = await signer.sign(request, { signingDate: new Date(clock.now()) });
    const { host: _, ...presented } = signed.headers;
    return presented;
  }
}

function withoutUndefined({ accessKeyId, secretAccessKey, sessionToken }: S3Identity) {
  return { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) };
}

/** SHA-256, or HMAC with a secret, as the signer asks for them. */
class Sha256 {
  readonly #hash: ReturnType<typeof createHash> | ReturnType<typeof createHmac>;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret));
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytesOf(data));
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data);
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}
