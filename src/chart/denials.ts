import { lookUp } from './names.ts';
import { versionRange, type VersionTest } from './ranges.ts';
import type { DenyRule } from './rules.ts';

interface Compiled {
  readonly rule: DenyRule;
  readonly has: VersionTest;
}

const every: VersionTest = () => true;

/** What must not be served, ready to be asked. */
export class Denials {
  readonly #named: (chart: string) => readonly Compiled[];
  readonly #digests: (chart: string) => readonly DenyRule[];

  constructor(rules: readonly DenyRule[]) {
    const named = rules.filter(({ digest }) => digest === undefined);
    const digests = rules.filter(({ digest }) => digest !== undefined);
    this.#named = lookUp(
      named.map((rule) => [rule.chart, compiled(rule)] as const),
      { anyCase: true },
    );
    this.#digests = lookUp(
      digests.map((rule) => [rule.chart, rule] as const),
      { anyCase: true },
    );
  }

  /** The rule that denies a version by its name alone. */
  byName(chart: string, version: string): DenyRule | undefined {
    return this.#named(chart).find(({ has }) => has(version))?.rule;
  }

  /** The rule that denies a chart's bytes by one of their digests. */
  byDigest(chart: string, digests: readonly (string | undefined)[]): DenyRule | undefined {
    return this.#digests(chart).find(({ digest }) => digests.includes(digest));
  }

  /** Whether some bytes of a chart are denied by their digest. */
  hasDigests(chart: string): boolean {
    return this.#digests(chart).length > 0;
  }
}

function compiled(rule: DenyRule): Compiled {
  // a range that is none denies everything: whoever wrote it wanted something denied
  return { rule, has: rule.range === undefined ? every : (versionRange(rule.range) ?? every) };
}
