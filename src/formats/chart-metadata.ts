import { safeJson } from './safe-json.ts';

/** Chart.yaml as an upstream wrote it: scalars as text (or JSON's own), lists and mappings as they are. */
export type RawFields = Readonly<Record<string, unknown>>;

/** What became of a row's metadata: JSON to render and the keys Helm does not know, or why the row is refused. */
export type MetadataResult =
  | { readonly metadata: string; readonly extra: string | undefined }
  | { readonly rejected: 'bad-metadata' | 'too-large' };

const maxMetadataChars = 256 * 1024;
const maxExtraChars = 64 * 1024;
const maxExtraDepth = 100;
const maxListLength = 2000;
const aliasGrammar = /^[a-zA-Z0-9_-]+$/;
const chartTypes = new Set(['', 'application', 'library']);

class Rejected extends Error {
  readonly reason: 'bad-metadata' | 'too-large';
  constructor(reason: 'bad-metadata' | 'too-large') {
    super(reason);
    this.reason = reason;
  }
}

/** How much text one chart version may still take; aliases can make a small document large. */
interface Budget {
  chars: number;
}

/** The quotes or braces of a value count as well: many empty ones are much, too. */
function spend(budget: Budget, chars: number): void {
  budget.chars -= chars + 2;
  if (budget.chars < 0) throw new Rejected('too-large');
}

type Reader = (value: unknown, budget: Budget) => unknown;

/** A scalar as its text: `1.10` stays `1.10`. */
const text: Reader = (value, budget) => {
  if (typeof value === 'object' || value === undefined) throw new Rejected('bad-metadata');
  const written = String(value).toWellFormed();
  spend(budget, written.length);
  return written;
};

const yes = new Set(['true', 'yes', 'on', 'y']);
const no = new Set(['false', 'no', 'off', 'n', '']);

/** A truth value however YAML 1.1 may spell it; false is left out, as Go leaves it out. */
const truth: Reader = (value, budget) => {
  const word = String(text(value, budget)).toLowerCase();
  if (yes.has(word)) return true;
  if (no.has(word)) return undefined;
  throw new Rejected('bad-metadata');
};

function listOf(item: Reader): Reader {
  return (value, budget) => {
    if (!Array.isArray(value)) throw new Rejected('bad-metadata');
    if (value.length > maxListLength) throw new Rejected('too-large');
    return value.length === 0 ? undefined : value.map((one) => item(one, budget));
  };
}

const texts = listOf(text);

/** Go reads a null among texts as an empty one, which says nothing. */
const textList: Reader = (value, budget) =>
  Array.isArray(value)
    ? texts(
        value.filter((one) => one !== null),
        budget,
      )
    : texts(value, budget);

const textMap: Reader = (value, budget) => {
  const entries = Object.entries(mapping(value));
  if (entries.length > maxListLength) throw new Rejected('too-large');
  if (entries.length === 0) return undefined;
  return sorted(entries.map(([key, one]) => [mapKey(key, budget), one === null ? '' : text(one, budget)]));
};

/** YAML knows no longer keys than this in JSON's form: one of them and libyaml refuses the whole index. */
const maxKeyBytes = 1000;

function mapKey(key: string, budget: Budget): string {
  const written = String(text(key, budget));
  if (Buffer.byteLength(safeJson(written)) > maxKeyBytes) throw new Rejected('too-large');
  return written;
}

/** A mapping reduced to the fields Helm knows, keys in order; null and empty values are left out. */
function fieldsOf(readers: Readonly<Record<string, Reader>>): Reader {
  return (value, budget) => {
    const given = mapping(value);
    spend(budget, 0);
    const found = Object.entries(readers)
      .filter(([key]) => Object.hasOwn(given, key) && given[key] !== null && given[key] !== undefined)
      .map(([key, read]) => [key, read(given[key], budget)] as const)
      .filter(([, one]) => one !== undefined && one !== '');
    return sorted(found);
  };
}

const importValue: Reader = (value, budget) =>
  typeof value === 'object' ? fieldsOf({ child: text, parent: text })(value, budget) : text(value, budget);

const alias: Reader = (value, budget) => {
  const written = String(text(value, budget));
  if (written !== '' && !aliasGrammar.test(written)) throw new Rejected('bad-metadata');
  return written;
};

const chartType: Reader = (value, budget) => {
  const written = String(text(value, budget));
  if (!chartTypes.has(written)) throw new Rejected('bad-metadata');
  return written;
};

const dependency = fieldsOf({
  name: text,
  version: text,
  repository: text,
  condition: text,
  tags: textList,
  enabled: truth,
  'import-values': listOf(importValue),
  alias,
});

const known: Readonly<Record<string, Reader>> = {
  name: text,
  home: text,
  sources: textList,
  version: text,
  description: text,
  keywords: textList,
  maintainers: listOf(fieldsOf({ name: text, email: text, url: text })),
  icon: text,
  apiVersion: text,
  condition: text,
  tags: text,
  appVersion: text,
  deprecated: truth,
  annotations: textMap,
  kubeVersion: text,
  dependencies: listOf(dependency),
  type: chartType,
};

const metadataFields = fieldsOf(known);

/** The fields of an index row that are not Chart.yaml's. */
const rowFields = new Set(['urls', 'created', 'digest', 'removed']);

/**
 * Chart.yaml's fields as Helm reads them (helm.sh/helm pkg/chart `Metadata`, with its validation): text stays the text
 * that was written, what Helm does not know goes to `extra`, and a shape that Helm would refuse refuses the row.
 * Missing `apiVersion` becomes `v1`, as Helm has it.
 */
export function chartMetadata(fields: RawFields): MetadataResult {
  try {
    const apiVersion = fields['apiVersion'] ?? '';
    const whole = { ...fields, apiVersion: apiVersion === '' ? 'v1' : apiVersion };
    const metadata = metadataFields(whole, { chars: maxMetadataChars });
    return { metadata: safeJson(metadata), extra: extraOf(fields) };
  } catch (error) {
    if (error instanceof Rejected) return { rejected: error.reason };
    throw error;
  }
}

function extraOf(fields: RawFields): string | undefined {
  const unknown = Object.entries(fields).filter(([key]) => !Object.hasOwn(known, key) && !rowFields.has(key));
  if (unknown.length === 0) return undefined;
  const budget = { chars: maxExtraChars };
  return unknown.every(([key, value]) => fits(key, budget) && fits(value, budget))
    ? safeJson(Object.fromEntries(unknown))
    : undefined;
}

/** Whether a value of any shape stays within the budget, aliases counted each time they appear, and can be written. */
function fits(value: unknown, budget: Budget, depth = 0): boolean {
  budget.chars -= typeof value === 'string' ? value.length + 2 : 8;
  if (budget.chars < 0 || depth > maxExtraDepth) return false;
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([key, one]) => fits(key, budget) && fits(one, budget, depth + 1));
}

function mapping(value: unknown): RawFields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Rejected('bad-metadata');
  return value as RawFields;
}

function sorted(entries: readonly (readonly [string, unknown])[]): object {
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}
