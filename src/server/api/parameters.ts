import { z } from 'zod';

import { Fault } from '../../chart/fault.ts';
import { isChartName } from '../../chart/names.ts';
import { isChartVersion } from '../../chart/version.ts';
import type { ParameterShape } from './operation.ts';

/** The name of a repository or an upstream: whether there is such a one is for others to say. */
export function nameOf(what: 'repository' | 'upstream'): z.ZodString {
  return z.string().meta({ title: `${what} name`, examples: [what === 'repository' ? 'stable' : 'podinfo'] });
}

/** A chart's name as it is in an index. */
export const chartName = z
  .string()
  .refine(isChartName, 'Names are as the index has them.')
  .meta({ title: 'chart name', examples: ['podinfo'] });

/** A version by its exact text. */
export const chartVersion = z
  .string()
  .refine(isChartVersion, 'A semantic version such as 1.2.3, of at most 128 characters.')
  .meta({ title: 'version', examples: ['6.7.1'] });

/** A whole number from `min` to `max`, in digits. */
export function wholeNumber(title: string, min: number, max: number): z.ZodInt {
  const error = `A whole number from ${min} to ${max}.`;
  return z.int({ error }).min(min, { error }).max(max, { error }).meta({ title });
}

/** What people may write. */
export const shortText = z.string().max(200, 'At most 200 characters.');

/** A text that may be left out; an empty one is none. */
export const optionalText = shortText.optional().transform((text) => (text === '' ? undefined : text));

/** Reads what came for each parameter. Throws 'bad-request' for the first that cannot be. */
export function readParameters(
  shape: ParameterShape,
  given: Readonly<Record<string, string>>,
): Readonly<Record<string, unknown>> {
  const read = Object.entries(shape).map(([name, schema]) => [name, readParameter(name, schema, given[name])]);
  return Object.fromEntries(read) as Readonly<Record<string, unknown>>;
}

function readParameter(name: string, schema: z.ZodType, given: string | undefined): unknown {
  const asText = schema.safeParse(given);
  if (asText.success) return asText.data;
  const asNumber = schema.safeParse(/^\d{1,15}$/.test(given ?? '') ? Number(given) : given);
  if (asNumber.success) return asNumber.data;
  const advice = asNumber.error.issues[0]?.message ?? '';
  if (given === undefined) throw new Fault('bad-request', `The parameter ${name} is missing.`, advice);
  throw new Fault('bad-request', `The ${schema.meta()?.title ?? name} in this address is not valid.`, advice);
}

/** The parameters of a query by name. Throws 'bad-request' for one that is not in the shape, or is there twice. */
export function readQuery(shape: ParameterShape, search: string): Readonly<Record<string, unknown>> {
  const given = new URLSearchParams(search);
  const names = [...given.keys()];
  if (names.some((name) => !Object.hasOwn(shape, name))) throw unknownParameter(Object.keys(shape));
  if (new Set(names).size < names.length) {
    throw new Fault('bad-request', 'A parameter in this address is there twice.', 'Each may be there once.');
  }
  return readParameters(shape, Object.fromEntries(given));
}

function unknownParameter(known: readonly string[]): Fault {
  return known.length === 0
    ? new Fault('bad-request', 'This address takes no parameters.', 'Leave out what follows the question mark.')
    : new Fault('bad-request', 'This address takes no such parameter.', `There is ${known.join(', ')}.`);
}
