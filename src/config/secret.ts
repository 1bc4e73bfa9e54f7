import { isUtf8 } from 'node:buffer';
import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';

import { Secret } from '../lib/secret.ts';
import { codeOf } from './source.ts';

/** The environment variables of the process, or those a test makes up. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Text of a scalar, taken apart: what stands there, and files whose content is to stand there. */
type Piece = string | { readonly path: string };

/** A placeholder that stands for nothing; the message says why and never what. */
export class PlaceholderError extends Error {
  override readonly name = 'PlaceholderError';
}

const maxFileBytes = 1024 ** 2;

/** Whether a scalar holds a placeholder or an escaped dollar sign. */
export function hasPlaceholder(written: string): boolean {
  return written.includes('${') || written.includes('$$');
}

/**
 * The text with `${NAME}`, `${NAME:-fallback}` and `${file:/path}` replaced and `$$` as a dollar sign. Paths are
 * relative to `folder`. Throws `PlaceholderError` for a variable that is not set or a file that cannot be read.
 */
export async function substitute(written: string, folder: string, environment: Environment): Promise<string> {
  return join(takeApart(written, folder, environment));
}

/** The same as a secret whose files are read anew at each reveal. Read once here, so that trouble shows at once. */
export async function substituteSecret(written: string, folder: string, environment: Environment): Promise<Secret> {
  const pieces = takeApart(written, folder, environment);
  const reveal = async (): Promise<string> => {
    const text = await join(pieces);
    if (text === '') throw new PlaceholderError('the secret is empty');
    return text;
  };
  const present = await reveal();
  return pieces.some((piece) => typeof piece !== 'string')
    ? new Secret(reveal, JSON.stringify(pieces))
    : Secret.of(present);
}

function takeApart(written: string, folder: string, environment: Environment): readonly Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  for (const match of written.matchAll(/\$\$|\$\{([^}]*)(\}?)/g)) {
    pieces.push(written.slice(end, match.index));
    end = match.index + match[0].length;
    pieces.push(
      match[0] === '$$' ? '$' : readPlaceholder(match[2] === '' ? '' : (match[1] ?? ''), folder, environment),
    );
  }
  return [...pieces, written.slice(end)];
}

function readPlaceholder(inside: string, folder: string, environment: Environment): Piece {
  const path = /^file:([^\0]+)$/.exec(inside)?.[1];
  if (path !== undefined) return { path: resolve(folder, path) };
  const parts = /^(?<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?<fallback>[^]*))?$/.exec(inside)?.groups;
  if (!parts) {
    throw new PlaceholderError(
      'this is not a placeholder; expected ${NAME}, ${NAME:-fallback} or ${file:/path}, and $$ for a dollar sign',
    );
  }
  return readVariable(parts['name'] ?? '', parts['fallback'], environment);
}

/** As in a shell: the fallback stands in for a variable that is empty, too. */
function readVariable(name: string, fallback: string | undefined, environment: Environment): string {
  const value = Object.hasOwn(environment, name) ? environment[name] : undefined;
  if (fallback !== undefined) return value || fallback;
  if (value !== undefined) return value;
  throw new PlaceholderError(`the environment variable ${name} is not set; set it, or write \${${name}:-fallback}`);
}

async function join(pieces: readonly Piece[]): Promise<string> {
  const texts = await Promise.all(
    pieces.map(async (piece) => (typeof piece === 'string' ? piece : await readText(piece.path))),
  );
  return texts.join('');
}

/** The text of a small regular file without one newline at its end. */
async function readText(path: string): Promise<string> {
  const bytes = await readBytes(path);
  if (!isUtf8(bytes)) throw new PlaceholderError(`the file ${path} cannot be read (it is not UTF-8)`);
  return new TextDecoder().decode(bytes).replace(/\r?\n$/, '');
}

/** A regular file of at most 1 MiB. Throws `PlaceholderError`, which says why, when it cannot be read. */
export async function readBytes(path: string): Promise<Buffer> {
  try {
    const info = await stat(path);
    if (!info.isFile()) throw new PlaceholderError(`the file ${path} cannot be read (it is not a regular file)`);
    if (info.size > maxFileBytes) throw new PlaceholderError(`the file ${path} is larger than 1 MiB`);
    return await readFile(path);
  } catch (error) {
    if (error instanceof PlaceholderError) throw error;
    throw new PlaceholderError(`the file ${path} cannot be read (${codeOf(error)})`);
  }
}
