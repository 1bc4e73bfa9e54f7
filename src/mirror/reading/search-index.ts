import { LRUCache } from 'lru-cache';
import MiniSearch, { type Query, type SearchResult } from 'minisearch';

/** What a chart is found by. */
export interface Searchable {
  readonly name: string;
  readonly description?: string | undefined;
  readonly keywords: readonly string[];
  readonly deprecated: boolean;
}

interface Entry {
  readonly id: string;
  readonly name: string;
  /** The name without its dashes. */
  readonly whole: string;
  readonly keywords: string;
  readonly description: string;
  /** Those of the description that nearly every one has. */
  readonly common: string;
}

/** What the order of results depends on. */
interface Known {
  readonly written: string;
  readonly dashless: string;
  readonly deprecated: boolean;
  /** Its place in the order of names; -1 until that is known. */
  at: number;
}

interface Ranked {
  readonly id: string;
  readonly rank: number;
}

/** What is longer than this is found by its beginning. */
const maxText = 1_000;
const maxKeywords = 100;
const maxWords = 8;
const maxWordLength = 64;
/** Shorter ones are looked for at the beginning of words in names alone: they begin every other word of a description. */
const minPrefix = 4;

/** Words that nearly every description has. They are needed, and looked for in descriptions, only where nothing else is asked for. */
const commonWords = new Set(
  'a an and are as by for from in is it of on or the this to with chart helm kubernetes k8s'.split(' '),
);

/** How well a word is found: the sum over all words is a chart's rank, the least is the best. */
const ranks = { name: 0, whole: 0, keywords: 2, description: 4, common: 4 } as const;
/** All but what nearly every chart has. */
const tellingFields = ['name', 'whole', 'keywords', 'description'];
/** The word is only the beginning of the one that is found. */
const beginsOnly = 1;
const misspelt = 6;
/** The words together are the whole name to the letter, the name but for its dashes, or its beginning. */
const wholeNames = { exact: -3, dashless: -2, beginning: -1 } as const;
/** With so many results nobody is taken to have mistyped. */
const enough = 3;
const mostSlips = 2;

/** Names in all results that are remembered. */
const maxRemembered = 100_000;
/** How many names can be told apart where results are put in order. */
const maxNames = 2 ** 24;
const maxLength = 128;

/**
 * Charts by the words of their names, keywords and descriptions. What is found, and its order, depends on the charts that
 * are in it alone, not on how they came there. Changes take microseconds each, a search a few milliseconds.
 */
export class SearchIndex {
  readonly #words = new MiniSearch<Entry>({
    fields: Object.keys(ranks),
    tokenize: wordsOf,
    processTerm: (word, field) => (field === 'description' && commonWords.has(word) ? null : word),
  });
  readonly #known = new Map<string, Known>();
  /** What was found lately: pages of it are asked for one after the other, and words that nearly every chart has find nearly all. */
  readonly #found = new LRUCache<string, readonly string[]>({
    maxSize: maxRemembered,
    sizeCalculation: ({ length }) => length + 1,
  });
  /** In order; empty when that is to be found out anew. */
  #names: readonly string[] = [];

  /** Adds a chart, or replaces what was said of it. */
  set({ name, keywords, description = '', deprecated }: Searchable): void {
    this.remove(name);
    const words = wordsOf(name);
    const dashless = words.join('');
    this.#words.add({
      id: name,
      name: words.join(' '),
      whole: words.length > 1 ? dashless : '',
      keywords: keywords.slice(0, maxKeywords).join(' ').slice(0, maxText),
      description: description.slice(0, maxText),
      common: commonIn(description.slice(0, maxText)),
    });
    this.#known.set(name, { written: name.toLowerCase(), dashless, deprecated, at: -1 });
    this.#forget();
  }

  /** Takes a chart out, if it is there. */
  remove(name: string): void {
    if (!this.#known.delete(name)) return;
    this.#words.discard(name);
    this.#forget();
  }

  #forget(): void {
    this.#names = [];
    this.#found.clear();
  }

  /**
   * Names of the charts that have every word of a text, or words that begin so; the best first: the whole name, its
   * beginning, words in it, keywords, description. Where hardly anything has them, misspelt names and keywords count too.
   */
  find(text: string): readonly string[] {
    const search = searchFor(text);
    if (search.words.length === 0) return [];
    const remembered = this.#found.get(search.written);
    if (remembered) return remembered;
    const found = this.#inOrder(this.#allRanked(search));
    this.#found.set(search.written, found);
    return found;
  }

  #allRanked(search: Search): readonly Ranked[] {
    let found = this.#ranked(search, 0);
    for (let slips = 1; slips <= mostSlips && !isSatisfying(found, search); slips += 1) {
      const names = new Set(found.map(({ id }) => id));
      found = [...found, ...this.#ranked(search, slips).filter(({ id }) => !names.has(id))];
    }
    return found;
  }

  #ranked(search: Search, slips: number): readonly Ranked[] {
    const { fields } = search;
    return this.#words.search(queryFor(search, slips), { fields: [...fields] }).map((result) => {
      const id = result.id as string;
      const known = this.#known.get(id);
      return { id, rank: known ? rankOf(result, known, search) : misspelt };
    });
  }

  /** Of equals those go first that are not deprecated, then short names, then by the alphabet: as numbers, of which thousands are sorted at once. */
  #inOrder(found: readonly Ranked[]): readonly string[] {
    const names = this.#inAlphabet();
    const keys = Float64Array.from(found, ({ id, rank }) => {
      const { deprecated = false, at = 0 } = this.#known.get(id) ?? {};
      const group = (rank - wholeNames.exact) * 2 + Number(deprecated);
      return (group * maxLength + Math.min(id.length, maxLength - 1)) * maxNames + at;
    });
    return Array.from(keys.sort(), (key) => names[key % maxNames] ?? '');
  }

  #inAlphabet(): readonly string[] {
    if (this.#names.length > 0) return this.#names;
    const names = [...this.#known.keys()].sort();
    for (const [at, name] of names.entries()) {
      const known = this.#known.get(name);
      if (known) known.at = at;
    }
    this.#names = names;
    return names;
  }
}

/** A text as it is looked for. */
interface Search {
  readonly words: readonly string[];
  /** Where they are looked for. */
  readonly fields: readonly string[];
  readonly written: string;
  /** All words, common ones too, without what divides them. */
  readonly dashless: string;
}

function searchFor(text: string): Search {
  const all = wordsOf(text).slice(0, maxWords);
  const others = all.filter((word) => !commonWords.has(word));
  const asked =
    others.length > 0 ? { words: others, fields: tellingFields } : { words: all, fields: Object.keys(ranks) };
  return { ...asked, written: text.trim().toLowerCase(), dashless: all.join('') };
}

function commonIn(text: string): string {
  return [...new Set(wordsOf(text))].filter((word) => commonWords.has(word)).join(' ');
}

function wordsOf(text: string): string[] {
  const words = text.toLowerCase().split(/[^\p{L}\p{M}\p{N}]+/u);
  return words.filter((word) => word !== '').map((word) => word.slice(0, maxWordLength));
}

function queryFor({ words, dashless }: Search, slips: number): Query {
  const queries = words.map((word) => (slips > 0 ? misspeltQuery(word, slips) : exactQuery(word)));
  const each = { combineWith: 'AND', queries } as const;
  if (dashless === words[0]) return each;
  return { combineWith: 'OR', queries: [each, { queries: [dashless], prefix: true, fields: ['name', 'whole'] }] };
}

function exactQuery(word: string): Query {
  if (word.length >= minPrefix) return { queries: [word], prefix: true };
  return { combineWith: 'OR', queries: [word, { queries: [word], prefix: true, fields: ['name'] }] };
}

/** One slip in four letters, two in more; fewer letters say too little. */
function misspeltQuery(word: string, slips: number): Query {
  const allowed = Math.min(slips, Math.max(0, Math.min(mostSlips, word.length - 3)));
  return allowed === 0 ? exactQuery(word) : { queries: [word], fuzzy: allowed, fields: ['name', 'whole', 'keywords'] };
}

function rankOf({ match }: SearchResult, name: Known, { words, written, dashless }: Search): number {
  if (name.written === written) return wholeNames.exact;
  if (name.dashless === dashless) return wholeNames.dashless;
  if (name.dashless.startsWith(dashless)) return wholeNames.beginning;
  const found = Object.entries(match);
  let rank = 0;
  for (const word of words) {
    let best = Infinity;
    for (const [other, fields] of found) best = Math.min(best, rankIn(other, fields, word, name));
    rank += best;
  }
  return rank;
}

function rankIn(found: string, fields: readonly string[], word: string, { dashless }: Known): number {
  if (!found.startsWith(word)) return misspelt + (found === dashless ? 0 : 1);
  let best: number = ranks.description;
  for (const field of fields) best = Math.min(best, ranks[field as keyof typeof ranks]);
  return best + (found === word ? 0 : beginsOnly);
}

function isSatisfying(found: readonly Ranked[], { words }: Search): boolean {
  return found.length >= enough || found.some(({ rank }) => rank < ranks.description * words.length);
}
