import type { z } from 'zod';

/** A type with everything in it read only. */
export type Frozen<T> = T extends readonly (infer Item)[]
  ? readonly Frozen<Item>[]
  : T extends object
    ? { readonly [K in keyof T]: Frozen<T[K]> }
    : T;

/** Read only and optional fields count, which they do not where one is assigned to the other. */
type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2
    ? unknown
    : 'this schema does not say what the type says';

/** Takes a schema that describes `T`: one that says more, less or other than the type does not compile. */
export function describing<T>(): <S extends z.ZodType>(schema: S & Same<Frozen<z.output<S>>, Frozen<T>>) => S {
  return (schema) => schema;
}
