/** What an S3 server, or the way to it, refused: everything a caller needs to put it into words of its own. */
export class S3Failure extends Error {
  override readonly name = 'S3Failure';
  /** S3's own code (`NoSuchBucket`), or ours: `Timeout`, `Network`, `Truncated`, `Credentials`, `Unexpected`. */
  readonly code: string;
  /** The HTTP status, when there was an answer. */
  readonly status: number | undefined;
  /** The region that the bucket is in, when the server said so. */
  readonly region: string | undefined;

  constructor(code: string, message: string, details: { status?: number; region?: string; cause?: unknown } = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.status = details.status;
    this.region = details.region;
  }

  /** Whether the same request may succeed a moment later. */
  get passing(): boolean {
    return passingCodes.has(this.code) || (this.status !== undefined && passingStatuses.has(this.status));
  }

  /** Whether the server may have done what was asked although we were not told so. */
  get uncertain(): boolean {
    return this.status === undefined ? this.code !== 'Credentials' : this.status >= 500;
  }
}

const passingCodes: ReadonlySet<string> = new Set([
  'Network',
  'Timeout',
  'Truncated',
  'RequestTimeout',
  'SlowDown',
  'ConditionalRequestConflict',
  'OperationAborted',
]);

const passingStatuses: ReadonlySet<number> = new Set([408, 425, 429, 499, 500, 502, 503, 504, 520]);

/** The failure itself, or one made of whatever else was thrown on the way to the server. */
export function asS3Failure(error: unknown): S3Failure {
  if (error instanceof S3Failure) return error;
  const { code, message, cause } = error as NodeJS.ErrnoException;
  if (cause instanceof S3Failure) return cause;
  const isNetwork = typeof code === 'string' && /^(?:E[A-Z0-9_]+|UND_|CERT_|DEPTH_|SELF_|UNABLE_|HPE_)/.test(code);
  return new S3Failure(isNetwork ? 'Network' : 'Unexpected', `${message}${isNetwork ? ` (${code})` : ''}`, {
    cause: error,
  });
}
