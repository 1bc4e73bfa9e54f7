import { readFile, writeFile } from 'node:fs/promises';

import { describeOptions, type OptionSchema } from '../src/config/options.ts';
import { fileSchema } from '../src/config/schema.ts';
import { renderReference } from './configuration-page.ts';

/** A file that follows from the schema, and what it must hold. */
export interface GeneratedFile {
  readonly path: string;
  readonly text: string;
}

/** Everything that is generated from the schema of the configuration: the same text on every machine. */
export function generateDocs(): readonly GeneratedFile[] {
  const options = describeOptions(fileSchema);
  return [
    { path: 'config/schema.json', text: `${JSON.stringify(renderSchema(options), undefined, 2)}\n` },
    { path: 'docs/configuration.md', text: renderReference(options) },
  ];
}

const placeholder = { type: 'string', pattern: '\\$\\{' };

/** JSON Schema for editors (yaml-language-server and others): anything plain may come from a placeholder instead. */
function renderSchema(options: OptionSchema): object {
  const { $schema, ...root } = publish(options) as { readonly $schema?: string };
  return { $schema, title: 'Chartroom configuration', ...root, $defs: { placeholder } };
}

function publish(schema: OptionSchema): object {
  const { allowed: _allowed, readable: _readable, absent, properties, items, anyOf, ...others } = schema;
  const { default: fallback, description, additionalProperties: free, ...rest } = others;
  const words = {
    ...(description && { description: absent ? `${description} When absent: ${absent}.` : description }),
    ...(fallback !== undefined && { default: fallback }),
  };
  if (typeof free === 'object') return { ...words, ...rest, additionalProperties: publish(free) };
  if (properties) {
    const options = Object.entries(properties).map(([key, option]) => [key, publish(option)]);
    return { ...words, ...rest, additionalProperties: free, properties: Object.fromEntries(options) };
  }
  if (items) return { ...words, ...rest, items: publish(items) };
  if (anyOf) return { ...words, ...rest, anyOf: anyOf.map(publish) };
  return { ...words, ...withPlaceholder(rest) };
}

/** A plain text takes placeholders as it is. */
function withPlaceholder(leaf: OptionSchema): object {
  const { examples, writeOnly, ...constraints } = leaf;
  const words = { ...(examples && { examples }), ...(writeOnly && { writeOnly }) };
  const free = constraints.type === 'string' && constraints.pattern === undefined;
  return free ? { ...constraints, ...words } : { anyOf: [constraints, { $ref: '#/$defs/placeholder' }], ...words };
}

/** Those of the generated files whose text on disk is another. */
export async function findStaleDocs(): Promise<readonly string[]> {
  const checked = generateDocs().map(async ({ path, text }) => {
    const present = await readFile(path, 'utf8').catch(() => undefined);
    return present === text ? [] : [path];
  });
  return (await Promise.all(checked)).flat();
}

async function main(): Promise<void> {
  if (process.argv.includes('--check')) {
    const stale = await findStaleDocs();
    if (stale.length === 0) return;
    console.error(`stale: ${stale.join(', ')}; run "npm run docs"`);
    process.exitCode = 1;
    return;
  }
  for (const { path, text } of generateDocs()) await writeFile(path, text);
}

if (import.meta.main) await main();
