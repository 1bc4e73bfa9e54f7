import { isKey } from './keys.ts';

/**
 * How keys become paths below the store's folder, so that they stay apart on file systems that ignore case and fit
 * where a name has 255 bytes:
 *
 *   - an upper-case letter is `!` and the lower-case one:   Chart.yaml    -> !chart.yaml
 *   - a long segment goes on in a folder inside:            <240 bytes>!/<the rest>
 *   - at the top, names that belong to others likewise:     tmp -> t!/mp  (ours for work under way, lost+found)
 *
 * Neither `!` nor anything else on disk that this does not produce is ever part of a key.
 */
const maxNameBytes = 240;

/** The folder for work under way: temporary files and claims. No key leads into it. */
export const workFolder = 'tmp';

const takenNames: ReadonlySet<string> = new Set([workFolder, 'lost+found']);

/** The names below the store's folder, outermost first, under which the object is. */
export function namesOfKey(key: string): string[] {
  return key.split('/').flatMap((segment, depth) => namesOfSegment(segment, depth === 0));
}

function namesOfSegment(segment: string, top: boolean): string[] {
  if (top && takenNames.has(segment)) return [`${segment.slice(0, 1)}!`, segment.slice(1)];
  const names: string[] = [];
  let name = '';
  for (const letter of segment) {
    const written = letter >= 'A' && letter <= 'Z' ? `!${letter.toLowerCase()}` : letter;
    if (name.length + written.length > maxNameBytes) {
      names.push(`${name}!`);
      name = '';
    }
    name += written;
  }
  return [...names, name];
}

/** Whether a folder at the top of the store's folder is none that keys lead into. */
export function isTaken(name: string): boolean {
  return takenNames.has(name);
}

/** What the names say so far: whole segments with a `/` behind each, or in the middle of a long one. */
export function textOfFolder(text: string, name: string): string {
  return name.endsWith('!') ? text + plain(name.slice(0, -1)) : `${text + plain(name)}/`;
}

/** The key of a file, given the text of its folder; undefined when it is none of ours. */
export function keyOfFile(text: string, names: readonly string[]): string | undefined {
  const key = text + plain(names.at(-1) ?? '');
  return isKey(key) && namesOfKey(key).join('/') === names.join('/') ? key : undefined;
}

/** Whether keys that start with `prefix` can be in the folder with this text. */
export function mayHold(text: string, prefix: string): boolean {
  return text.startsWith(prefix) || prefix.startsWith(text);
}

function plain(name: string): string {
  return name.replace(/!([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
