import type { FaultUpstream } from './fault-upstream.ts';
import type { Misdeed } from './misdeeds.ts';
import { shelfOf, type Shelved } from './products/shelf.ts';

/** An upstream with a secret, which has one chart with two versions named as the upstream is. */
export interface CanaryPlace {
  readonly upstream: { readonly name: string; readonly [option: string]: unknown };
  /** Texts that nobody may tell. */
  readonly canaries: readonly string[];
  /** Whether the place, or who guards it, was shown who asks: what nobody sees proves nothing. */
  readonly wasShown: () => boolean;
  /** Answers so from now on to what `where` is true of; undefined: as it should. */
  readonly misbehave: (how: Misdeed | undefined, where?: (target: string) => boolean) => void;
}

/** Whether a request is for content, not for a listing. */
export const isContent = (target: string): boolean => /\.tgz|\/blobs\//.test(target);

/** What a place has. */
export const chartOf = (name: string): Promise<readonly Shelved[]> => shelfOf(`${name} 1.0.0`, `${name} 1.1.0`);

/** Lets a server misbehave. */
export function misbehaving(server: FaultUpstream): CanaryPlace['misbehave'] {
  return (how, where = () => true) =>
    server.distort(how && ((answer, request) => (where(request.target) ? how(request) : answer)));
}

/** A line of a PEM file that is like no other, as a list. */
export const lineOf = (pem: string): readonly string[] =>
  pem
    .split('\n')
    .filter((line) => line.length === 64)
    .slice(-1);
