import { Fault } from '../../chart/fault.ts';
import { portOf, requestLine, shortened } from '../http/faults.ts';
import type { HttpAnswer } from '../http/http.ts';
import type { BucketAddress } from './address.ts';

/** What was asked of which bucket. */
export interface BucketQuestion {
  readonly upstream: string;
  readonly address: BucketAddress;
  /** What the request was signed for. */
  readonly region: string;
  /** A page of its listing, rather than an object. */
  readonly isPage: boolean;
}

type FaultMaker = (question: BucketQuestion, answer: HttpAnswer, code: string) => Fault;

const byCode: ReadonlyMap<string, FaultMaker> = new Map([
  ['NoSuchBucket', noBucket],
  ['RequestTimeTooSkewed', skewed],
  ['ExpiredToken', refused],
  ['InvalidToken', refused],
  ['TokenRefreshRequired', refused],
  ['InvalidAccessKeyId', refused],
  ['XAdminUserNotFound', refused],
  ['SignatureDoesNotMatch', refused],
  ['PermanentRedirect', elsewhere],
  ['TemporaryRedirect', elsewhere],
  ['AuthorizationHeaderMalformed', elsewhere],
  ['SlowDown', slowDown],
]);

/**
 * The fault for what a bucket refused, by S3's error code (Amazon S3 API reference, error responses; Google's XML API has
 * the same); undefined for the absence of an object, and for what means the same of any server.
 */
export function faultOfBucket(
  question: BucketQuestion,
  answer: HttpAnswer,
  code: string | undefined,
): Fault | undefined {
  const known = code === undefined ? undefined : byCode.get(code)?.(question, answer, code);
  if (known) return known;
  if (answer.status === 404) return question.isPage && code === undefined ? noBucket(question) : undefined;
  return answer.status === 403 && answer.retryAfterMs === undefined ? forbidden(question, answer) : undefined;
}

/** The fault for a place that an index names outside the bucket, and that asks who we are. */
export function askedElsewhere(upstream: string, { status, url }: HttpAnswer): Fault {
  const message = `${upstream}: ${shortened(portOf(url))} asks for credentials for ${requestLine('GET', url)}, and those of a bucket are sent nowhere else (${status}).`;
  const advice = 'Keep these archives in the bucket, or make that place an upstream of its own.';
  return new Fault('unauthorized', message, advice);
}

function nameOf({ scheme, bucket }: BucketAddress): string {
  return `${scheme}://${bucket}`;
}

function noBucket({ upstream, address }: BucketQuestion): Fault {
  const message = `${upstream}: there is no bucket ${nameOf(address)}.`;
  return new Fault(
    'not-a-repository',
    message,
    'Check its name in url, and endpoint if it is not at Amazon or Google.',
  );
}

function skewed({ upstream, address }: BucketQuestion, { status }: HttpAnswer, code: string): Fault {
  const message = `${upstream}: ${nameOf(address)} refused our signature, since its clock and ours differ (${status} ${code}).`;
  return new Fault('unauthorized', message, 'Set the clock of this machine right, or that of the server.');
}

function refused({ upstream, address }: BucketQuestion, { status }: HttpAnswer, code: string): Fault {
  const message = `${upstream}: ${nameOf(address)} refused these credentials (${status} ${code}).`;
  return new Fault(
    'unauthorized',
    message,
    'Check accessKeyId and secretAccessKey in auth, or the identity of the environment.',
  );
}

function elsewhere({ upstream, address, region }: BucketQuestion, { status }: HttpAnswer, code: string): Fault {
  const message = `${upstream}: ${nameOf(address)} is not in region ${region}, and the server does not say where (${status} ${code}).`;
  return new Fault('upstream-failed', message, 'Set region in auth to that of the bucket.');
}

function slowDown({ upstream, address }: BucketQuestion, { status }: HttpAnswer, code: string): Fault {
  const message = `${upstream}: ${nameOf(address)} asks for fewer requests (${status} ${code}).`;
  return new Fault('rate-limited', message, 'It is tried again later; lower requestsPerSecond if it goes on.');
}

/** Without the right to list a missing object is a 403 as well. */
function forbidden({ upstream, address, isPage }: BucketQuestion, { status, url }: HttpAnswer): Fault {
  const rights = rightsOf[address.scheme];
  const what = isPage ? 'to list its objects' : requestLine('GET', url);
  const doubt = isPage ? '' : ', or nothing is there and we may not list';
  const message = `${upstream}: ${nameOf(address)} does not allow us ${what}${doubt} (${status}).`;
  return new Fault('forbidden', message, rights);
}

const rightsOf: Readonly<Record<BucketAddress['scheme'], string>> = {
  s3: 'Allow s3:GetObject on its objects and s3:ListBucket on the bucket, and check auth.',
  gs: 'Grant the role Storage Object Viewer on the bucket, and check auth.',
};
