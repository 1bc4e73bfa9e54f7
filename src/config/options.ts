import { z } from 'zod';

/** What the documentation and the messages say of an option, beside its shape. */
export interface OptionNotes {
  /** One line: what it is, and why one would change it. */
  readonly description: string;
  /** What may be written, in words that follow "expected". */
  readonly allowed: string;
  /** As it would be written. */
  readonly default?: string | number | boolean;
  readonly example?: unknown;
  /** What happens when it is absent, where that is not a value. */
  readonly absent?: string;
  readonly secret?: boolean;
  /** It names a file that must be there and be readable when the configuration is read; a keyring is read then, too. */
  readonly readable?: boolean | 'keyring';
  /** JSON Schema of what may be written, for editors. */
  readonly json?: Readonly<Record<string, unknown>>;
}

/** The notes of every option of the schema, by the schema's node. */
export const optionNotes = z.registry<OptionNotes>();

/** The tree of options as JSON Schema 2020-12, with the notes that JSON Schema has no word for. */
export interface OptionSchema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, OptionSchema>>;
  /** What stands behind names that are free. */
  readonly additionalProperties?: boolean | OptionSchema;
  readonly required?: readonly string[];
  readonly items?: OptionSchema;
  readonly anyOf?: readonly OptionSchema[];
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly format?: string;
  readonly description?: string;
  readonly default?: string | number | boolean;
  readonly examples?: readonly unknown[];
  readonly writeOnly?: boolean;
  readonly readable?: boolean | 'keyring';
  readonly allowed?: string;
  readonly absent?: string;
}

/** The options that a schema takes, described from what may be written rather than from what it becomes. */
export function describeOptions(schema: z.ZodType): OptionSchema {
  return z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      const notes = optionNotes.get(zodSchema as unknown as z.ZodType);
      if (notes) Object.assign(jsonSchema, jsonNotes(notes));
    },
  }) as OptionSchema;
}

function jsonNotes(notes: OptionNotes): Record<string, unknown> {
  const { json, example, secret, ...words } = notes;
  return {
    ...json,
    ...words,
    ...(example !== undefined && { examples: [example] }),
    ...(secret && { writeOnly: true }),
  };
}

/** The form of an option that is a mapping, where it has one. */
export function mappingForm(schema: OptionSchema | undefined): OptionSchema | undefined {
  return schema && isMapping(schema) ? schema : schema?.anyOf?.find(isMapping);
}

function isMapping({ properties, additionalProperties }: OptionSchema): boolean {
  return properties !== undefined || typeof additionalProperties === 'object';
}

/** The form of an option that is a list, where it has one. */
export function listForm(schema: OptionSchema | undefined): OptionSchema | undefined {
  return schema?.items ? schema : schema?.anyOf?.find((form) => form.items);
}

/** The option one step further in; undefined where the tree ends. */
export function stepInto(schema: OptionSchema | undefined, step: string | number): OptionSchema | undefined {
  if (typeof step === 'number') return listForm(schema)?.items;
  const { properties = {}, additionalProperties: free } = mappingForm(schema) ?? {};
  if (Object.hasOwn(properties, step)) return properties[step];
  return typeof free === 'object' ? free : undefined;
}
