import { claimTable } from '../../src/chart/catalog.ts';
import type { KnownClaim } from '../../src/chart/claim.ts';
import { digestOf } from '../../src/chart/digest.ts';
import { mergeHoldings, type KeptVersion } from '../../src/chart/holding.ts';
import type { OfferRules } from '../../src/chart/offering.ts';
import { noRules, type RepositoryRules } from '../../src/chart/rules.ts';
import {
  renderRepository,
  type IndexMember,
  type RenderedIndex,
  type RepositoryParts,
} from '../../src/formats/index-rendering.ts';
import { tableOf, type SharedTable } from '../../src/lib/shared-table.ts';
import { textOf as tableText } from './indexes.ts';

/** An upstream that offers everything. */
export const openRules: OfferRules = { charts: ['*'], versions: [], withdrawn: 'keep', heldOnly: false };

/** A member of these tables; its edition names them. */
export function memberOfTables(
  name: string,
  catalog: SharedTable,
  snapshot = tableOf([]),
  rules: OfferRules = openRules,
): IndexMember {
  const edition = digestOf(Buffer.from(`${tableText(catalog)}\n${tableText(snapshot)}`));
  return { name, catalog, snapshot, edition, rules };
}

/** A member that lists and holds this. */
export function memberOf(
  name: string,
  claims: readonly KnownClaim[],
  held: readonly KeptVersion[] = [],
  rules: OfferRules = openRules,
): IndexMember {
  return memberOfTables(name, claimTable(claims), mergeHoldings(tableOf([]), held), rules);
}

/** A repository of these members. */
export function partsOf(members: readonly IndexMember[], rules: Partial<RepositoryRules> = {}): RepositoryParts {
  return { repository: 'all', members, rules: { ...noRules, ...rules }, nowMs: 0, have: [] };
}

/** Its index, rendered for the first time. */
export function indexOf(parts: RepositoryParts): RenderedIndex {
  const { index } = renderRepository(parts);
  if (!index) throw new Error('it was not rendered');
  return index;
}

/** The text of an index. */
export function indexText({ identity }: RenderedIndex): string {
  return Buffer.concat(identity).toString();
}
