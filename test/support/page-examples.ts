import { expect } from 'vitest';

/** A command as a page shows it, and what is printed below it. */
export interface Example {
  readonly command: string;
  readonly printed: string;
}

/** Those of a block of a page. */
export function examplesIn(block: string): readonly Example[] {
  return [...block.matchAll(/^\$ (.*)\n((?:(?!\$ ).*\n)*)/gm)].map(([, command = '', printed = '']) => ({
    command,
    printed,
  }));
}

/** Has a command print what the page says, but for what is another each time. */
export async function expectShown(
  world: { run(command: string): Promise<string> },
  { command, printed }: Example,
): Promise<void> {
  expect.soft([command, timeless(await world.run(command))]).toEqual([command, timeless(printed)]);
}

/** What was printed without what is another each time: times, digests, sizes of compressed bytes, and what was left behind. */
function timeless(text: string): string {
  return text
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replaceAll(/sha256\/[0-9a-f]{2}\//g, 'sha256/xx/')
    .replaceAll(/\b[0-9a-f]{64}\b/g, 'DIGEST')
    .replaceAll(/\b[0-9A-F]{40}\b/g, 'FINGERPRINT')
    .replaceAll(/\d[\d.]*(?= (?:bytes|KiB|MiB|s|ms)\b)/g, 'SOME')
    .replaceAll(/; nothing names .*? to sweep|^Nothing names .*\n/gm, '')
    .replaceAll(/\d+ (object|record)s?/g, 'SOME $1')
    .replaceAll(/ {2,}/g, '  ')
    .replaceAll(/"(bytes|durationMs|size)": ?\d+/g, '"$1": 0');
}
