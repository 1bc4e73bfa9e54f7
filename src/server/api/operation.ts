import type { z } from 'zod';

import type { Log } from '../../lib/log.ts';
import type { Secret } from '../../lib/secret.ts';
import type { Explainer } from '../../mirror/contract/explain.ts';
import type { Library } from '../../mirror/contract/library.ts';
import type { Operator } from '../../mirror/contract/operator.ts';
import type { DoorsPlace } from './addresses.ts';
import type { Frozen } from './exact.ts';

/** What the API answers from. */
export interface ApiParts {
  readonly operator: Operator;
  readonly library: Library;
  readonly explainer: Explainer;
  /** Without one nothing can be changed. */
  readonly adminToken: () => Secret | undefined;
  readonly doors: () => DoorsPlace;
  /** Of Chartroom. */
  readonly version: string;
  readonly draining: () => boolean;
  readonly log: Log;
}

/** Parameters by name, each read from its text. `title` and the message of a schema are what a client is told. */
export type ParameterShape = Readonly<Record<string, z.ZodType>>;

type Values<P extends ParameterShape> = { readonly [K in keyof P]: z.output<P[K]> };

/** A request that was understood. */
export interface Asked<P extends ParameterShape = ParameterShape, Q extends ParameterShape = ParameterShape> {
  readonly path: Values<P>;
  readonly query: Values<Q>;
  /** The header `Host` as it came. */
  readonly host: string | undefined;
}

/** Which statuses besides 200, 400 and 500 an operation can answer with. */
export type OtherStatus = 401 | 403 | 404 | 409 | 502 | 503 | 504;

interface OperationWords {
  /** Of the OpenAPI description: unique, a name that a generated client gives its function. */
  readonly id: string;
  /** `post`: changes something, and needs the admin token. */
  readonly method: 'get' | 'post';
  /** The whole path with parameters in braces, as OpenAPI writes it. */
  readonly path: `/api/v1/${string}`;
  readonly summary: string;
  readonly description: string;
  readonly otherStatuses: readonly OtherStatus[];
  /** Whether a client may keep the answer and ask whether it is still so. */
  readonly revalidated: boolean;
}

/** One address of the API with one method: the routes and the OpenAPI description are both made of these. */
export interface Operation extends OperationWords {
  readonly parameters: ParameterShape;
  readonly query: ParameterShape;
  readonly answer: z.ZodType;
  readonly example: unknown;
  /** Throws or rejects with a fault. */
  readonly run: (parts: ApiParts, asked: Asked) => unknown;
  /** The query of what follows, where the answer is not the end of it. */
  readonly next?: (asked: Asked, answer: unknown) => string | undefined;
}

interface TypedOperation<
  P extends ParameterShape,
  Q extends ParameterShape,
  A extends z.ZodType,
> extends OperationWords {
  readonly parameters: P;
  readonly query: Q;
  readonly answer: A;
  readonly example: Frozen<z.output<A>>;
  readonly run: (parts: ApiParts, asked: Asked<P, Q>) => Frozen<z.output<A>> | Promise<Frozen<z.output<A>>>;
  readonly next?: (asked: Asked<P, Q>, answer: Frozen<z.output<A>>) => string | undefined;
}

/** An operation whose parameters, work, answer and example belong together. */
export function operation<P extends ParameterShape, Q extends ParameterShape, A extends z.ZodType>(
  typed: TypedOperation<P, Q, A>,
): Operation {
  return typed as unknown as Operation;
}
