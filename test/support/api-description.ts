import addFormats from 'ajv-formats';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';

import { describeApi } from '../../src/server/api/document.ts';
import type { Operation } from '../../src/server/api/operation.ts';
import { apiOperations } from '../../src/server/api/routes.ts';

/** The description as it is answered. */
export const apiDescription = describeApi(apiOperations(), '0.0.1') as ApiDescription;

interface ApiDescription {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, DescribedOperation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

interface DescribedOperation {
  readonly operationId: string;
  readonly responses: Readonly<Record<string, DescribedAnswer>>;
  readonly security: unknown;
}

interface DescribedAnswer {
  readonly content?: { readonly 'application/json': { readonly schema: object } };
}

const ajv = new Ajv2020({ strict: true, allErrors: true });
addFormats.default(ajv);
// what its references lead into
ajv.addVocabulary(['components']);

/** The operation that answers at an address, which may have a query. */
export function operationAt(method: string, address: string): Operation | undefined {
  const { pathname } = new URL(address, 'http://charts.corp');
  const candidates = apiOperations().filter((one) => one.method === method.toLowerCase().replace('head', 'get'));
  return candidates.find(({ path }) =>
    new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(pathname),
  );
}

/** What is wrong with an answer by its description: nothing when it is as it should be. */
export function breachesOf(method: string, address: string, status: number, body: unknown): readonly string[] {
  const operation = operationAt(method, address);
  if (!operation) return [`${method} ${address} is not described`];
  const { path, method: word } = operation;
  const answer = apiDescription.paths[path]?.[word]?.responses[status];
  if (!answer?.content) return [`${path}: ${status} is not described`];
  const validate = schemaOf(answer.content['application/json'].schema);
  void validate(body);
  return (validate.errors ?? []).map((error) => `${path}${error.instancePath}: ${error.message}`);
}

const compiled = new Map<object, ValidateFunction>();

function schemaOf(schema: object): ValidateFunction {
  const known = compiled.get(schema) ?? ajv.compile({ ...schema, components: apiDescription.components });
  compiled.set(schema, known);
  return known;
}
