import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The root of the project. */
export const root = join(import.meta.dirname, '../..');

/** A page that people read, by its path in the project. */
export interface Page {
  readonly path: string;
  readonly text: string;
}

/** What is written for people, by hand or generated, in order of path. */
export async function readPages(): Promise<readonly Page[]> {
  const paths = await Array.fromAsync(glob(['*.md', 'docs/**/*.md'], { cwd: root }));
  return Promise.all(paths.toSorted().map(readPage));
}

/** One page. */
export async function readPage(path: string): Promise<Page> {
  return { path, text: await readFile(join(root, path), 'utf8') };
}

/** A page without its blocks of code. */
export function proseOf({ text }: Page): string {
  return text.replaceAll(/^```.*?^```$/gms, '');
}

/** What stands between backticks in its prose. */
export function codeSpansOf(page: Page): readonly string[] {
  return [...proseOf(page).matchAll(/`([^`]+)`/g)].map(([, span = '']) => span);
}

/** Its blocks of a language, each with the nearest heading above it. */
export function blocksOf({ text }: Page, language: string): readonly (readonly [heading: string, block: string])[] {
  return text.split(/^#+ /m).flatMap((section) => {
    const [heading = ''] = section.split('\n');
    const blocks = section.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'));
    return [...blocks].map(([, block = '']) => [heading, block] as const);
  });
}

/** Its headings as fragments of an address, as GitHub makes them. */
export function anchorsOf(page: Page): ReadonlySet<string> {
  const headings = proseOf(page).matchAll(/^#+ (.*)$/gm);
  return new Set([...headings].map(([, heading = '']) => anchorOf(heading)));
}

function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-');
}
