import type { Site, SiteAnswer } from '../internet.ts';
import { fileAt, indexOf, validated, type Shelved } from './shelf.ts';

/**
 * A public S3 bucket without the right to list it: what is not there is forbidden, a plus is a space, and Basic is one
 * mechanism too many.
 */
export function publicS3(shelf: readonly Shelved[]): Site {
  return (request) => {
    if (request.headers.authorization !== undefined) return s3Problem(400, 'InvalidArgument');
    const body = bodyAt(shelf, request.path.replaceAll('+', ' '));
    return body === undefined ? s3Problem(403, 'AccessDenied') : validated(request, body);
  };
}

/** A private S3 bucket behind one presigned address, that of its index. */
export function presignedS3(shelf: readonly Shelved[]): Site {
  return (request) => {
    const isSigned = request.path.endsWith('/index.yaml') && request.query.get('X-Amz-Signature') === 'f00d';
    const body = isSigned ? bodyAt(shelf, request.path) : undefined;
    return body === undefined ? s3Problem(403, 'SignatureDoesNotMatch') : validated(request, body);
  };
}

/** Azure Blob Storage with a shared access signature for the container; without it nothing is there. */
export function azureBlob(shelf: readonly Shelved[], signature: string): Site {
  return (request) => {
    const sent = request.query.get('sig');
    if (sent === null) return azureProblem(404, 'ResourceNotFound');
    if (sent !== signature) return azureProblem(403, 'AuthenticationFailed');
    const body = request.path.startsWith('/charts/') ? bodyAt(shelf, request.path) : undefined;
    return body === undefined ? azureProblem(404, 'BlobNotFound') : validated(request, body);
  };
}

/** A public bucket of Google's: what is not there is forbidden for whoever may not list. */
export function publicGcs(shelf: readonly Shelved[]): Site {
  return (request) => {
    const body = bodyAt(shelf, request.path);
    if (body === undefined) return { status: 403, headers: xml, body: '<Error><Code>AccessDenied</Code></Error>' };
    const answer = validated(request, body);
    return { ...answer, headers: { ...answer.headers, 'x-goog-generation': '1735689600000000' } };
  };
}

const xml = { 'content-type': 'application/xml' };

function bodyAt(shelf: readonly Shelved[], path: string): string | Uint8Array | undefined {
  return path.endsWith('/index.yaml') ? indexOf(shelf, { urlOf: ({ file }) => file }) : fileAt(shelf, path)?.body;
}

function s3Problem(status: number, code: string): SiteAnswer {
  return { status, headers: xml, body: `<?xml version="1.0"?><Error><Code>${code}</Code></Error>` };
}

function azureProblem(status: number, code: string): SiteAnswer {
  return { status, headers: { ...xml, 'x-ms-error-code': code }, body: `<Error><Code>${code}</Code></Error>` };
}
