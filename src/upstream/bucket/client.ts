import { readAll, TooManyBytes } from '../../lib/bytes.ts';
import { readS3Error, type S3Error } from '../../lib/s3-listing.ts';
import type { Allowance } from '../contract.ts';
import type { S3Signature } from '../credentials/s3-signature.ts';
import type { HttpAnswer, HttpClient, HttpRequest } from '../http/http.ts';
import { type BucketAddress, type BucketPlace, isInBucket } from './address.ts';
import { askedElsewhere, faultOfBucket } from './faults.ts';

export interface BucketClientOptions {
  readonly upstream: string;
  readonly address: BucketAddress;
  /** Where the bucket is when it is in that region. */
  readonly placeIn: (region: string) => BucketPlace;
  /** What it is thought to be. */
  readonly region: string;
  /** Opens a client to the place; asked once for each that there turns out to be. */
  readonly open: (place: BucketPlace) => HttpClient;
  /** Who signs; absent where nobody does. */
  readonly signature?: S3Signature | undefined;
}

/** What the server said no with, and where it was asked. */
interface Refusal {
  readonly answer: HttpAnswer;
  readonly error: S3Error;
  readonly region: string;
}

/** Statuses whose body says more. */
const telling = new Set([301, 307, 400, 403, 404, 503]);
/** The identity is no longer good, or not yet known everywhere. */
const refusedIdentity = new Set([
  'ExpiredToken',
  'InvalidToken',
  'TokenRefreshRequired',
  'InvalidAccessKeyId',
  'XAdminUserNotFound',
]);
const maxErrorBytes = 64 * 1024;
const regionGrammar = /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/;

/**
 * Speaks to one bucket, and to other hosts that its index names. A region or an identity that the server refuses is
 * replaced, and the request repeated once. Of what a bucket refuses only the absence of an object comes back as an answer;
 * the rest is a `Fault` in the words of buckets.
 */
export class BucketClient implements HttpClient {
  readonly #options: BucketClientOptions;
  readonly #first: BucketPlace;
  readonly #clients = new Map<string, HttpClient>();
  #region: string;

  constructor(options: BucketClientOptions) {
    this.#options = options;
    this.#region = options.region;
    this.#first = options.placeIn(options.region);
  }

  /** The region the bucket turned out to be in. */
  get region(): string {
    return this.#region;
  }

  async request(request: HttpRequest): Promise<HttpAnswer> {
    const first = await this.#ask(request);
    if (!('error' in first)) return first;
    const last = (await this.#learn(first)) ? await this.#ask(request) : first;
    return 'error' in last ? this.#settle(last) : last;
  }

  allowance(): Allowance | undefined {
    return this.#client(this.#place()).allowance();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#clients.values()].map((client) => client.close()));
  }

  async #ask(request: HttpRequest): Promise<HttpAnswer | Refusal> {
    const [region, place] = [this.#region, this.#place()];
    const url = this.#movedTo(place, request.url);
    if (!isInBucket(place, url)) return this.#askElsewhere(place, request);
    // or Google unpacks what is stored as gzip, which archives are
    const raw = this.#options.address.scheme === 'gs' ? { 'accept-encoding': 'gzip' } : {};
    const answer = await this.#client(place).request({ ...request, url, headers: { ...raw, ...request.headers } });
    if (!telling.has(answer.status)) return answer;
    const error = readS3Error(await textOf(answer));
    const told = answer.headers['x-amz-bucket-region'];
    return { answer: emptied(answer), region, error: typeof told === 'string' ? { ...error, region: told } : error };
  }

  async #askElsewhere(place: BucketPlace, request: HttpRequest): Promise<HttpAnswer> {
    const answer = await this.#client(place).request(request);
    if (answer.status !== 401) return answer;
    await answer.dump();
    throw askedElsewhere(this.#options.upstream, answer);
  }

  /** Whether there is reason to ask once more. */
  async #learn({ error, region }: Refusal): Promise<boolean> {
    if (error.region !== undefined && error.region !== region && regionGrammar.test(error.region)) {
      this.#region = error.region;
      return true;
    }
    return refusedIdentity.has(error.code ?? '') && ((await this.#options.signature?.renew()) ?? false);
  }

  #settle({ answer, error, region }: Refusal): HttpAnswer {
    const { upstream, address } = this.#options;
    const isPage = answer.url.pathname === this.#place().pages.pathname;
    const fault = faultOfBucket({ upstream, address, region, isPage }, answer, error.code);
    if (fault) throw fault;
    return answer;
  }

  #place(): BucketPlace {
    return this.#options.placeIn(this.#region);
  }

  #client(place: BucketPlace): HttpClient {
    const known = this.#clients.get(place.home.origin);
    const client = known ?? this.#options.open(place);
    this.#clients.set(place.home.origin, client);
    return client;
  }

  /** Callers know the bucket where it was thought to be. */
  #movedTo({ home }: BucketPlace, url: URL): URL {
    return isInBucket(this.#first, url) ? new URL(url.pathname + url.search, home.origin) : url;
  }
}

async function textOf(answer: HttpAnswer): Promise<string> {
  try {
    return (await readAll(answer.body, maxErrorBytes)).toString('utf8');
  } catch (error) {
    if (error instanceof TooManyBytes) return '';
    throw error;
  }
}

/** An answer whose body was read. */
function emptied(answer: HttpAnswer): HttpAnswer {
  return { ...answer, body: nothing(), dump: async () => undefined };
}

async function* nothing(): AsyncGenerator<Uint8Array> {
  // nothing is left
}
