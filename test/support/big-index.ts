import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { sharedData, type SharedRepository } from './shared-data.ts';

/** An index of block-style YAML, cut at its charts. */
interface CutIndex {
  readonly head: string;
  /** A chart's name and its rows as they stand, its own line left out. */
  readonly charts: readonly { readonly name: string; readonly rows: string; readonly versions: number }[];
}

const rowStart = /^ {2}- /gm;

/** Cuts an index as `helm repo index` writes it. What follows the entries is dropped. */
function cutIndex(text: string): CutIndex {
  const entriesAt = text.indexOf('entries:\n') + 'entries:\n'.length;
  const end = text.slice(entriesAt).search(/^\w/m);
  const entries = end < 0 ? text.slice(entriesAt) : text.slice(entriesAt, entriesAt + end);
  const [, ...pieces] = entries.split(/^ {2}([A-Za-z0-9][\w.-]*):\n/m);
  const charts = [];
  for (let at = 0; at < pieces.length; at += 2) {
    const [name = '', rows = ''] = [pieces[at], pieces[at + 1]];
    charts.push({ name, rows, versions: rows.match(rowStart)?.length ?? 0 });
  }
  return { head: 'apiVersion: v1\nentries:\n', charts };
}

/**
 * An index of one of Helm's largest real sizes: the entries of real repositories again and again, under numbered chart
 * names, until there are `versions` of them. 30,000 are about 32 MB.
 */
export async function bigIndex(versions: number, repositories: readonly SharedRepository[]): Promise<string> {
  const read = (name: SharedRepository) => readFile(join(sharedData(name), 'index.yaml'), 'utf8');
  const charts = (await Promise.all(repositories.map(read))).flatMap((text) => cutIndex(text).charts);
  const parts = ['apiVersion: v1\nentries:\n'];
  let count = 0;
  for (let round = 0; count < versions; round += 1) {
    for (const { name, rows, versions: more } of charts) {
      if (count >= versions) break;
      parts.push(`  ${name}-${round}:\n`, rows.replaceAll(`\n    name: ${name}\n`, `\n    name: ${name}-${round}\n`));
      count += more;
    }
  }
  return parts.join('');
}

/** The same index with one row changed: another one for each `round`, and in one chart only. */
export function withOneRowChanged(index: string, round: number): string {
  const from = Math.floor((index.length / 17) * (round % 17));
  const at = index.indexOf('\n    home: ', from) + 1;
  const end = index.indexOf('\n', at);
  if (at === 0) throw new Error('the index has no row with a home page behind that place');
  return `${index.slice(0, at)}    home: https://example.com/changed/${round}${index.slice(end)}`;
}
