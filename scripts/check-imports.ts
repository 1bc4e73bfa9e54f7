import { readdir, readFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { posix } from 'node:path';

import { parseSync } from 'oxc-parser';

import { namePlaces, outsiders, packagePlaces, rooms, type Place } from './house-rules.ts';

/** A source file by its path below the project, such as `src/lib/clock.ts`. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

interface Node {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** What one file refers to: modules as written, and the global names that have a place of their own. */
interface References {
  readonly modules: readonly string[];
  readonly names: readonly string[];
}

/** Every breach of the house's rules, one sentence each, in the order of the files. Empty when there is none. */
export function findBreaches(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) => {
    const from = moduleOf(file.path);
    if (!rooms[roomOf(from)]) return [`${file.path}: is in no room of the house`];
    const { modules, names } = referencesOf(file);
    return [
      ...modules.flatMap((specifier) => importBreach(from, specifier)),
      ...names.flatMap((name) => placeBreach(from, name, namePlaces)),
    ].map((breach) => `${file.path}: ${breach}`);
  });
}

/** `src/lib/clock.ts` -> `lib/clock`. */
function moduleOf(path: string): string {
  return path.replace(/^src\//, '').replace(/\.ts$/, '');
}

function roomOf(module: string): string {
  return module.split('/')[0] ?? module;
}

function importBreach(from: string, specifier: string): string[] {
  if (isBuiltin(specifier)) return [];
  if (!specifier.startsWith('.')) return placeBreach(from, packageOf(specifier), packagePlaces);
  const path = posix.join('src', posix.dirname(from), specifier);
  if (!path.startsWith('src/')) return outsideBreach(from, path);
  const target = moduleOf(path);
  const sees = rooms[roomOf(from)]?.sees ?? [];
  const isSeen = sees.some((place) => target === place || target.startsWith(`${place}/`));
  if (roomOf(target) === roomOf(from) || isSeen) return [];
  return [`${from} must not know ${target}`];
}

function outsideBreach(from: string, path: string): string[] {
  const known = outsiders.some((one) => one.name.test(path));
  return known ? placeBreach(from, path, outsiders) : [`imports ${path}, which is outside of src`];
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function placeBreach(from: string, name: string, table: readonly Place[]): string[] {
  const row = table.find((one) => one.name.test(name));
  if (!row || row.places.some((place) => place === from || place === roomOf(from))) return [];
  return [`${name} belongs in ${row.places.join(', ')}`];
}

/** Parses a file. Type-only imports count, so do re-exports, `import()` and `new URL('./x.ts', import.meta.url)`. */
function referencesOf(file: SourceFile): References {
  const { module, program, errors } = parseSync(file.path, file.text);
  if (errors[0]) throw new Error(`${file.path}: ${errors[0].message}`);
  const modules = module.staticImports.map((one) => one.moduleRequest.value);
  const names: string[] = [];
  for (const { entries } of module.staticExports) {
    for (const { moduleRequest } of entries) if (moduleRequest) modules.push(moduleRequest.value);
  }
  for (const node of nodesOf(program as unknown as Node)) {
    modules.push(...modulesIn(node));
    names.push(...namesIn(node));
  }
  return { modules: [...new Set(modules)], names: [...new Set(names)] };
}

/** Every node except the names of properties, which mean nothing by themselves. */
function* nodesOf(node: Node): Iterable<Node> {
  yield node;
  const skipped = node['computed'] ? undefined : node.type === 'MemberExpression' ? 'property' : 'key';
  for (const [field, value] of Object.entries(node)) {
    if (field === skipped) continue;
    for (const child of Array.isArray(value) ? (value as unknown[]) : [value]) if (isNode(child)) yield* nodesOf(child);
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}

/** Modules named by expressions: `import('x')`, `import type x = require('x')`, `typeof import('x')`, and worker URLs. */
function modulesIn(node: Node): string[] {
  if (node.type === 'ImportExpression' || node.type === 'TSImportType')
    return literal(node['source'] ?? node['argument']);
  if (node.type !== 'NewExpression' || nameOf(node['callee']) !== 'URL') return [];
  const [path, base] = node['arguments'] as Node[];
  return nameOf(base) === 'import.meta.url' ? literal(path).filter((text) => text.endsWith('.ts')) : [];
}

function literal(node: unknown): string[] {
  return isNode(node) && node.type === 'Literal' && typeof node['value'] === 'string' ? [node['value']] : [];
}

/** The guarded names a node mentions, under their usual spelling wherever they came from. */
function namesIn(node: Node): string[] {
  if (node.type === 'ImportDeclaration') return importedNames(node);
  if (node.type === 'NewExpression') {
    return nameOf(node['callee']) === 'Date' && (node['arguments'] as Node[]).length === 0 ? ['new Date()'] : [];
  }
  if (node.type === 'VariableDeclarator') return destructuredNames(node);
  return node.type === 'MemberExpression' || node.type === 'Identifier' ? guarded(nameOf(node)) : [];
}

function guarded(name: string | undefined): string[] {
  const usual = name?.replace(/^globalThis\./, '');
  return usual && namePlaces.some((row) => row.name.test(usual)) ? [usual] : [];
}

/** `import { env } from 'node:process'` and timers, which would hide the usual spelling. */
function importedNames(node: Node): string[] {
  const [source = ''] = literal(node['source']).map((text) => text.replace(/^node:/, ''));
  const imported = (node['specifiers'] as Node[]).flatMap((one) => nameOf(one['imported']) ?? []);
  if (source === 'process') return imported.flatMap((name) => guarded(`process.${name}`));
  return source.startsWith('timers') ? imported.flatMap(guarded) : [];
}

/** `const { env } = process`. */
function destructuredNames(node: Node): string[] {
  const pattern = node['id'];
  const owner = nameOf(node['init']);
  if (!isNode(pattern) || pattern.type !== 'ObjectPattern' || !owner) return [];
  return (pattern['properties'] as Node[]).flatMap((one) => guarded(`${owner}.${nameOf(one['key']) ?? ''}`));
}

/** `a.b.c` of a chain of plain names; undefined for anything else. */
function nameOf(node: unknown): string | undefined {
  if (!isNode(node)) return undefined;
  if (node.type === 'Identifier') return node['name'] as string;
  if (node.type === 'MetaProperty') return 'import.meta';
  if (node.type !== 'MemberExpression') return undefined;
  const owner = nameOf(node['object']);
  const property = node['computed'] ? literal(node['property'])[0] : nameOf(node['property']);
  return owner && property ? `${owner}.${property}` : undefined;
}

/** Every TypeScript file under src/ of the project in the current folder, in the order of their paths. */
export async function readSources(): Promise<SourceFile[]> {
  const names = await readdir('src', { recursive: true });
  const paths = names.filter((name) => name.endsWith('.ts')).map((name) => `src/${name.replaceAll('\\', '/')}`);
  paths.sort();
  return Promise.all(paths.map(async (path) => ({ path, text: await readFile(path, 'utf8') })));
}

if (import.meta.main) {
  const files = await readSources();
  const breaches = findBreaches(files);
  for (const breach of breaches) console.error(breach);
  console.log(`import directions: ${files.length} files, ${breaches.length} breaches`);
  if (breaches.length > 0) process.exitCode = 1;
}
