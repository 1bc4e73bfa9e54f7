import { existsSync } from 'node:fs';
import { glob, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { describe, expect, it, test } from 'vitest';
import { isScalar, parseDocument, visit } from 'yaml';

import { loadConfig } from '../../src/config/load.ts';
import { describeOptions, listForm, mappingForm, type OptionSchema } from '../../src/config/options.ts';
import { describeProblem } from '../../src/config/problem.ts';
import { fileSchema } from '../../src/config/schema.ts';
import { blocksOf, codeSpansOf, readPage, root } from '../support/documents.ts';
import { temporaryFolder } from '../support/temp.ts';

/** Every product that must work, the heading of its recipe, and its test. */
const products = [
  ['ChartMuseum', 'ChartMuseum', 'chartmuseum'],
  ["Harbor's old chart endpoint", "Harbor's old chart endpoint", 'harbor-chartrepo'],
  ['Nexus (hosted, proxy, group)', 'Nexus', 'nexus'],
  ['Artifactory (local, remote, virtual)', 'Artifactory', 'artifactory'],
  ['GitLab', 'GitLab', 'gitlab'],
  ['Gitea and Forgejo', 'Gitea and Forgejo', 'gitea'],
  ['GitHub Pages with release assets', 'GitHub Pages', 'github-pages'],
  ['private GitHub raw', 'GitHub raw', 'github-raw'],
  ['Cloudsmith', 'Cloudsmith', 'cloudsmith'],
  ['a bucket behind HTTPS', 'HTTPS bucket', 'https-bucket'],
  ['nginx', 'nginx', 'nginx'],
  ['Docker Hub', 'Docker Hub', 'docker-hub'],
  ['GHCR', 'GitHub Container Registry', 'ghcr'],
  ['Artifact Registry and gcr.io', 'Artifact Registry and gcr.io', 'artifact-registry'],
  ['ECR', 'Amazon ECR', 'ecr'],
  ['ECR public', 'Amazon ECR Public', 'ecr-public'],
  ['ACR', 'Azure Container Registry', 'acr'],
  ['Quay', 'Quay', 'quay'],
  ['Harbor', 'Harbor', 'harbor'],
  ["GitLab's registry", 'GitLab registry', 'gitlab-registry'],
  ["Gitea's and Forgejo's registry", 'Gitea and Forgejo registry', 'gitea-registry'],
  ["Artifactory's registry", 'Artifactory registry', 'artifactory-registry'],
  ["Nexus's registry", 'Nexus registry', 'nexus-registry'],
  ['DigitalOcean', 'DigitalOcean', 'digitalocean'],
  ['OCIR', 'Oracle Cloud', 'oracle'],
  ['distribution', 'Distribution', 'distribution'],
  ['zot', 'zot', 'zot'],
  ['an S3 bucket', 'S3 bucket', 's3-bucket'],
  ['a GCS bucket', 'GCS bucket', 'gcs-bucket'],
] as const;

const upstreams = await readPage('docs/upstreams.md');
const recipes = new Map(
  upstreams.text.split(/^### /m).map((section) => [section.slice(0, section.indexOf('\n')), section] as const),
);

describe('docs/upstreams.md', () => {
  it.each(products)('says of %s what to create, to write, what it costs, and how it fails', (_, heading) => {
    const section = recipes.get(heading) ?? '';
    const parts = ['**Create there.**', '```yaml', '**What it costs.**', '**What a failure looks like.**'];
    expect(parts.map((part) => section.split(part).length - 1)).toEqual([1, 1, 1, 1]);
    const order = [...parts, '| message | what to do |'].map((part) => section.indexOf(part));
    expect(order).toEqual(order.toSorted((a, b) => a - b));
  });

  it.each(products)('has a recipe for %s that its test follows', async (_, heading, file) => {
    const path = join(root, 'test/products', `${file}.test.ts`);
    expect(existsSync(path)).toBe(true);
    expect(await readFile(path, 'utf8')).toMatch(new RegExp(`['"]${RegExp.escape(heading)}['"]`));
  });

  it('has no section that no product needs, and leads to each from its table', () => {
    const headings = products.map(([, heading]) => heading);
    expect([...recipes.keys()].slice(1)).toEqual(headings);
    const [, table = ''] = /^(\| reached by .*?)\n\n/ms.exec(upstreams.text) ?? [];
    expect([...table.matchAll(/\[([^\]]+)\]\(#/g)].map(([, heading]) => heading)).toEqual(headings);
  });
});

describe('a message in docs/upstreams.md', () => {
  const messages = [...upstreams.text.matchAll(/^\| `([^`]+)` \|/gm)].map(([, message = '']) => message);

  it.each(messages.filter((message) => /^[a-z-]+: .*\.$/.test(message)))(
    'is one that the program has: %s',
    async (message) => {
      const said = await sentences;
      expect(said.some((sentence) => sentence.test(message))).toBe(true);
    },
  );
});

/** What the program can say: each text of its source that has words, with anything in place of what it puts in. */
const sentences = Array.fromAsync(glob('src/**/*.ts', { cwd: root }), async (path) => {
  const texts = (await readFile(join(root, path), 'utf8')).matchAll(/`([^`]+)`|'([^'\n]+)'/g);
  const pieces = [...texts].map(([, template, plain]) => (template ?? plain ?? '').split(/\$\{[^}]*(?:\}|$)/));
  const worded = pieces.filter((parts) => /\w{3,} +[\w(]/.test(parts.join('')));
  return worded.map((parts) => new RegExp(parts.map((part) => RegExp.escape(part)).join('.+')));
}).then((files) => files.flat());

const shown = await Promise.all(['docs/upstreams.md', 'README.md', 'SECURITY.md'].map(readPage));

describe('what is shown as a configuration', () => {
  // what is to be added to a file is looked at with that file
  const blocks = shown
    .flatMap((page) => blocksOf(page, 'yaml').map(([heading, block]) => [page.path, heading, block] as const))
    .filter(([path, , block]) => path !== 'README.md' || /^upstreams:/m.test(block));

  it.each(blocks)('is one: %s, %s', async (_, __, block) => {
    const folder = await temporaryFolder();
    const { text, variables } = await surrounded(block, folder);
    const file = join(folder, 'chartroom.yaml');
    await writeFile(file, text);
    const loaded = await loadConfig(file, variables);
    expect('problems' in loaded ? loaded.problems.map(describeProblem) : []).toEqual([]);
    expect('warnings' in loaded ? loaded.warnings.map(describeProblem) : []).toEqual([]);
  });
});

/** A configuration with the files and the variables that it names made. */
async function surrounded(block: string, folder: string) {
  let text = block;
  const files = block.matchAll(/\$\{file:([^}]+)\}|(?:[a-z]+File|dockerConfig): "?([^\s",}]+)/g);
  for (const [, secret, plain] of files) {
    const path = secret ?? plain ?? '';
    const made = join(folder, basename(path));
    await writeFile(made, 'content');
    text = text.replace(path, made);
  }
  const names = [...block.matchAll(/\$\{([A-Z_]+)\}/g)].map(([, name = '']) => name);
  return { text, variables: Object.fromEntries(names.map((name) => [name, 'content'])) };
}

/** Words that look like options and belong to somebody else: Docker's file, Azure, GitLab, zot. */
const others = new Set([
  'identitytoken',
  'registrytoken',
  'r',
  'stable',
  'accessControl',
  'read',
  'htpasswd',
  'localhost',
]);
const isName = (word: string): boolean => /^[a-z][A-Za-z]*(?:\.[a-z][A-Za-z0-9]*)*$/.test(word);
const isPlace = (word: string): boolean => /\.(?:cn|com|corp|internal|io|us|yaml)$/.test(word);

describe('what is shown as an option', () => {
  const options = new Set(optionNames(describeOptions(fileSchema)));

  test.each(shown)('exists: $path', (page) => {
    const spans = codeSpansOf(page);
    const words = spans.filter((span) => isName(span) && !isPlace(span));
    const named = [...words.flatMap((word) => word.split('.')), ...spans.flatMap(keysIn)];
    expect(named.length).toBeGreaterThan(0);
    expect([...new Set(named)].filter((name) => !options.has(name) && !others.has(name))).toEqual([]);
  });
});

/** Names of every option there is, without their paths. */
function optionNames(schema: OptionSchema): readonly string[] {
  const properties = Object.entries(mappingForm(schema)?.properties ?? {});
  const items = listForm(schema)?.items;
  const inner = properties.flatMap(([name, option]) => [name, ...optionNames(option)]);
  return [...inner, ...(items ? optionNames(items) : [])];
}

/** Keys of a little configuration, such as `auth: { provider: aws }`; what has more than one word after it is a message. */
function keysIn(span: string): readonly string[] {
  if (!/^[a-z][A-Za-z]*: (?:\S+|\{.*\}|\[.*\])$/.test(span)) return [];
  const document = parseDocument(span);
  const keys: string[] = [];
  visit(document, {
    Pair: (_, { key }) => {
      if (isScalar(key)) keys.push(String(key.value));
    },
  });
  return keys;
}
