import { z } from 'zod';
import {
  createDocument,
  type ZodOpenApiOperationObject,
  type ZodOpenApiPathsObject,
  type ZodOpenApiResponseObject,
  type ZodOpenApiResponsesObject,
} from 'zod-openapi';

import type { Operation, OtherStatus, ParameterShape } from './operation.ts';
import { errorAnswer } from './schemas/words.ts';

const about = `What Chartroom knows, offers and does. Reading is open; what changes something needs the admin token.

Wherever GET is answered, so is HEAD. A GET that has an \`ETag\` answers 304 to an \`If-None-Match\` that names it. Every \
other answer than 200 and 304 has the form of \`Error\`; 503 and 504 come with \`Retry-After\`. A parameter that an address \
does not know is refused.`;

const meanings: Readonly<Record<400 | 500 | OtherStatus, string>> = {
  400: 'A name, a version or a parameter is not valid.',
  401: 'The request brought no admin token, or another one.',
  403: 'A rule denies it; or it is a change, and no admin token is configured.',
  404: 'There is no such thing, or a rule hides it.',
  409: 'The upstream is retired, or its listing lost too much to be believed.',
  500: 'What nobody foresaw. The log says more.',
  502: 'An upstream failed, refused us, or sent what it should not have.',
  503: 'Not now: nothing listed yet, rate limited, store not answering, shutting down.',
  504: 'An upstream is too slow.',
};

const etag = z.string().meta({ description: 'Changes whenever the answer does.' });
const link = z
  .string()
  .optional()
  .meta({
    description: 'What follows, where something does.',
    examples: ['<?offset=50&limit=50>; rel="next"'],
  });
const retryAfter = z.string().meta({ description: 'In how many seconds to try again.' });

/** The OpenAPI 3.1 description of the operations, made of the same schemas that requests are read with. */
export function describeApi(operations: readonly Operation[], version: string): object {
  const paths: Record<string, ZodOpenApiPathsObject[`/${string}`]> = {};
  for (const operation of operations) {
    const { path, method } = operation;
    paths[path] = { ...paths[path], [method]: describeOperation(operation) };
  }
  return createDocument({
    openapi: '3.1.0',
    info: {
      title: 'Chartroom',
      version,
      description: about,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      securitySchemes: {
        adminToken: { type: 'http', scheme: 'bearer', description: '`server.adminToken` of the configuration.' },
      },
    },
  });
}

function describeOperation(operation: Operation): ZodOpenApiOperationObject {
  const { id, summary, description, method, parameters, query } = operation;
  return {
    operationId: id,
    summary,
    description,
    security: method === 'post' ? [{ adminToken: [] }] : [],
    requestParams: { ...given('path', parameters), ...given('query', query) },
    responses: describeAnswers(operation),
  };
}

function given(place: 'path' | 'query', shape: ParameterShape): Partial<Record<'path' | 'query', z.ZodObject>> {
  return Object.keys(shape).length === 0 ? {} : { [place]: z.object(shape) };
}

function describeAnswers({
  summary,
  answer,
  example,
  otherStatuses,
  revalidated,
  next,
}: Operation): ZodOpenApiResponsesObject {
  const faults = ([400, ...otherStatuses, 500] as const).map((status) => [`${status}`, describeFault(status)]);
  return {
    200: {
      description: `${summary}.`,
      headers: z.object({ ...(revalidated && { ETag: etag }), ...(next && { Link: link }) }),
      content: { 'application/json': { schema: answer, example } },
    },
    ...(revalidated && { 304: { description: 'It is still what the client has.' } }),
    ...(Object.fromEntries(faults) as ZodOpenApiResponsesObject),
  };
}

function describeFault(status: keyof typeof meanings): ZodOpenApiResponseObject {
  return {
    description: meanings[status],
    ...((status === 503 || status === 504) && { headers: z.object({ 'Retry-After': retryAfter }) }),
    content: { 'application/json': { schema: errorAnswer } },
  };
}
