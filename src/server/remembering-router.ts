import type { Result, Router } from 'hono/router';
import { TrieRouter } from 'hono/router/trie-router';
import { LRUCache } from 'lru-cache';

const maxPaths = 5_000;
const maxPathLength = 256;

/**
 * Hono's router for routes that overlap, such as `/:repository/index.yaml` beside `/livez`, with the matches of the
 * paths that were asked for lately: finding one anew takes a twentieth of a whole answer. At most 1.3 MB of paths.
 */
export class RememberingRouter<T> implements Router<T> {
  readonly name = 'RememberingRouter';
  readonly #router = new TrieRouter<T>();
  readonly #gets = new LRUCache<string, Result<T>>({ max: maxPaths });

  add(method: string, path: string, handler: T): void {
    this.#gets.clear();
    this.#router.add(method, path, handler);
  }

  match(method: string, path: string): Result<T> {
    if (method !== 'GET' || path.length > maxPathLength) return this.#router.match(method, path);
    let match = this.#gets.get(path);
    if (!match) {
      match = this.#router.match(method, path);
      this.#gets.set(path, match);
    }
    return match;
  }
}
