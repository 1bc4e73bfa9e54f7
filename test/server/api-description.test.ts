import { Validator } from '@seriousme/openapi-schema-validator';
import { Hono } from 'hono';
import { describe, expect, test } from 'vitest';

import type { ApiParts } from '../../src/server/api/operation.ts';
import { addApi, apiOperations } from '../../src/server/api/routes.ts';
import type { ServerEnv } from '../../src/server/exchange.ts';
import { apiDescription, breachesOf } from '../support/api-description.ts';
import { openDoors } from './open-doors.ts';

const described = Object.entries(apiDescription.paths).flatMap(([path, methods]) =>
  Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
);

describe('the description of the API', () => {
  test('is valid OpenAPI 3.1', async () => {
    const validator = new Validator();
    const { valid, errors } = await validator.validate({ ...structuredClone(apiDescription) });

    expect(errors).toBeUndefined();
    expect([valid, validator.version]).toEqual([true, '3.1']);
  });

  test('is answered as it is, and 304 to those who have it', async () => {
    const { ask } = await openDoors();
    const answer = await ask('/api/v1/openapi.json');

    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body.toString())).toEqual(apiDescription);
    const again = await ask('/api/v1/openapi.json', { headers: { 'if-none-match': String(answer.headers.etag) } });
    expect([again.status, again.body.length]).toEqual([304, 0]);
  });

  test('has every route, and there is a route for everything it has', () => {
    const app = new Hono<ServerEnv>();
    addApi(app, {} as ApiParts);
    const routes = app.routes.filter(({ method, path }) => method !== 'ALL' && !path.includes('*'));

    expect(routes.map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`)).toEqual(described);
    expect(described.length).toBeGreaterThan(10);
  });

  test.each(described)('%s leads somewhere', async (route) => {
    const [method = '', path = ''] = route.split(' ');
    const { ask } = await openDoors();
    const answer = await ask(path.replaceAll(/\{\w+\}/g, 'x1'), { method });

    expect(answer.status).not.toBe(405);
    expect(answer.body.toString()).not.toContain('The API has no such address.');
  });

  test('calls every operation by a name of its own', () => {
    const ids = apiOperations().map(({ id }) => id);

    expect(new Set(ids).size).toBe(ids.length);
  });

  test('takes the admin token where something is changed, and only there', () => {
    const needs = (route: string): unknown => {
      const [method = '', path = ''] = route.split(' ');
      return apiDescription.paths[path]?.[method.toLowerCase()]?.security;
    };

    for (const route of described) expect(needs(route)).toEqual(route.startsWith('GET') ? [] : [{ adminToken: [] }]);
  });

  test.each(apiOperations())('shows an answer of $id that is one', ({ method, path, example }) => {
    expect(breachesOf(method, path.replaceAll(/[{}]/g, ''), 200, example)).toEqual([]);
  });

  test('lets no object have a field that it does not know', () => {
    const open = [...objectsIn(apiDescription.components.schemas)].filter((one) => one.additionalProperties !== false);

    // tallies by name, and Chart.yaml
    expect(open.every(({ properties }) => properties === undefined)).toBe(true);
  });

  test('says in a sentence what every operation is', () => {
    for (const { summary, description } of apiOperations()) {
      expect(summary).toMatch(/^[A-Z].*[^.]$/);
      expect(description).toMatch(/^[A-Z][\s\S]*\.$/);
    }
  });
});

interface ObjectSchema {
  readonly additionalProperties?: unknown;
  readonly properties?: object;
}

function* objectsIn(value: unknown): Iterable<ObjectSchema> {
  if (typeof value !== 'object' || value === null) return;
  if ('type' in value && value.type === 'object') yield value as ObjectSchema;
  for (const child of Object.values(value)) yield* objectsIn(child);
}
