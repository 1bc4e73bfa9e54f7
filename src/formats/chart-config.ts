import type { GoValue } from './go-json.ts';
import { entriesOf, isMapping, OddScalar } from './go-yaml.ts';

/** Chart.yaml as Helm holds it (helm.sh/helm/v4 pkg/chart/v2, `Metadata`): its fields in order, without the empty ones. */
export type ChartConfig = Readonly<Record<string, GoValue>>;

/**
 * What a Chart.yaml, or a requirements.yaml after it, makes of what the ones before it said: what `json.Unmarshal` into
 * the same struct does, and what `Metadata.Validate` then cleans. Takes what `parseGoYaml` answers. Where Helm would give
 * up because a value is not of the type that it wants, that is told to `misfit`, and a field has the value that it had,
 * or none: what is there is always of its type.
 */
export function readConfig(document: unknown, before: ChartConfig, misfit: () => void): ChartConfig {
  if (isMapping(document)) return structOf(metadata, document, before, misfit);
  if (document !== null) misfit();
  return before;
}

/** Reads one value into a place that may have one. Undefined is Go's zero value. */
type Reader = (given: unknown, before: GoValue | undefined, misfit: () => void) => GoValue | undefined;

const text: Reader = (given, before = '', misfit) => {
  if (given instanceof OddScalar) return given.text;
  if (given !== null && typeof given !== 'object') return String(given);
  if (given !== null) misfit();
  return before;
};

/** Text without what cannot be seen, and each kind of space as a space. */
const line: Reader = (given, before, misfit) =>
  String(text(given, before, misfit))
    .replaceAll(/\p{White_Space}/gu, ' ')
    .replaceAll(/[^ \p{L}\p{M}\p{N}\p{P}\p{S}]/gu, '');

const truth: Reader = (given, before, misfit) => {
  if (typeof given === 'boolean') return given;
  if (given !== null) misfit();
  return before;
};

/** Items are read into the items that are there. Nothing in a list is no item. */
function listOf(item: Reader): Reader {
  return (given, before, misfit) => {
    if (given === null) return undefined;
    if (!Array.isArray(given)) {
      misfit();
      return before;
    }
    const earlier: readonly GoValue[] = Array.isArray(before) ? before : [];
    return given.map((one, at) => item(one, earlier[at], misfit)).filter((one) => one !== undefined);
  };
}

function mapOf(item: Reader): Reader {
  return (given, before, misfit) => {
    if (given === null) return undefined;
    if (!isMapping(given)) {
      misfit();
      return before;
    }
    const earlier: ReadonlyMap<string, GoValue> = before instanceof Map ? before : new Map();
    const read = [...entriesOf(given)].map(([key, one]) => [key, item(one, undefined, misfit) ?? null] as const);
    return new Map([...earlier, ...read]);
  };
}

const anything: Reader = (given, _before, misfit) => {
  if (Array.isArray(given)) return given.map((one) => anything(one, undefined, misfit) ?? null);
  if (isMapping(given)) return mapOf(anything)(given, undefined, misfit);
  if (given instanceof OddScalar) return given.value;
  if (typeof given === 'bigint') return Number(given);
  return typeof given === 'boolean' || given === null ? given : String(given);
};

interface Field {
  readonly name: string;
  readonly read: Reader;
  /** Written although it is empty. */
  readonly always: boolean;
  /** As `bytes.EqualFold` compares. */
  readonly folded: RegExp;
}

function field(name: string, read: Reader, always = false): Field {
  return { name, read, always, folded: new RegExp(`^${name}$`, 'iu') };
}

/** What is nothing, `Metadata.Validate` refuses in every list. */
function structReader(fields: readonly Field[]): Reader {
  return (given, before, misfit) => {
    if (isMapping(given)) return structOf(fields, given, isStruct(before) ? before : {}, misfit);
    misfit();
    return given === null ? undefined : before;
  };
}

function isStruct(value: GoValue | undefined): value is ChartConfig {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Map);
}

/** Keys that mean the same field are read in their order, whatever their order in the document. */
function structOf(fields: readonly Field[], given: object, before: ChartConfig, misfit: () => void): ChartConfig {
  const values = new Map(Object.entries(before));
  for (const [key, one] of [...entriesOf(given)].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const named = fields.filter(({ name }) => name.length === key.length);
    const found = named.find(({ name }) => name === key) ?? named.find(({ folded }) => folded.test(key));
    if (found) values.set(found.name, found.read(one, values.get(found.name), misfit) ?? '');
  }
  return Object.fromEntries(
    fields
      .map(({ name, always }) => [name, values.get(name) ?? '', always] as const)
      .filter(([, value, always]) => always || !isEmpty(value))
      .map(([name, value]) => [name, value]),
  );
}

/** `omitempty`. */
function isEmpty(value: GoValue): boolean {
  if (value instanceof Map) return value.size === 0;
  return value === '' || value === false || (Array.isArray(value) && value.length === 0);
}

const maintainer = [field('name', line), field('email', line), field('url', line)];

const dependency = [
  field('name', line, true),
  field('version', line),
  field('repository', line, true),
  field('condition', line),
  field('tags', listOf(line)),
  field('enabled', truth),
  field('import-values', listOf(anything)),
  field('alias', text),
];

const metadata = [
  field('name', line),
  field('home', line),
  field('sources', listOf(line)),
  field('version', text),
  field('description', line),
  field('keywords', listOf(line)),
  field('maintainers', listOf(structReader(maintainer))),
  field('icon', line),
  field('apiVersion', text),
  field('condition', line),
  field('tags', line),
  field('appVersion', line),
  field('deprecated', truth),
  field('annotations', mapOf(text)),
  field('kubeVersion', line),
  field('dependencies', listOf(structReader(dependency))),
  field('type', text),
];
