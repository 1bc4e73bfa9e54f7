/** A value of Go's: a Map is a map, an object is a struct with its fields in order. */
export type GoValue =
  | string
  | number
  | boolean
  | null
  | readonly GoValue[]
  | ReadonlyMap<string, GoValue>
  | { readonly [field: string]: GoValue };

/**
 * JSON as Go's `encoding/json` writes it (`json.Marshal`), to the byte: keys of maps in the order of their UTF-8, and
 * `<`, `>`, `&`, U+2028 and U+2029 escaped. What JSON cannot express (NaN, infinity) is null.
 */
export function goJson(value: GoValue): string {
  if (typeof value === 'string') return text(value);
  if (typeof value === 'number') return number(value);
  if (typeof value === 'boolean' || value === null) return String(value);
  if (isList(value)) return `[${value.map(goJson).join(',')}]`;
  const entries = value instanceof Map ? byUtf8(value) : Object.entries(value);
  return `{${entries.map(([key, one]) => `${text(key)}:${goJson(one)}`).join(',')}}`;
}

const escaped = /[<>&\u2028\u2029]/g;

function text(value: string): string {
  const hex = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value.toWellFormed()).replaceAll(escaped, hex);
}

function number(value: number): string {
  if (!Number.isFinite(value)) return 'null';
  return Object.is(value, -0) ? '-0' : String(value);
}

function isList(value: GoValue): value is readonly GoValue[] {
  return Array.isArray(value);
}

/** JavaScript orders by UTF-16, which differs beyond U+FFFF. */
function byUtf8(map: ReadonlyMap<string, GoValue>): readonly (readonly [string, GoValue])[] {
  return [...map]
    .map((entry) => ({ entry, key: Buffer.from(entry[0]) }))
    .toSorted((one, other) => Buffer.compare(one.key, other.key))
    .map(({ entry }) => entry);
}
