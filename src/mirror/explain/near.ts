import { Fault } from '../../chart/fault.ts';
import { canonicalVersion, newestFirst, sortable } from '../../chart/version.ts';
import { nearest } from '../../lib/nearest.ts';
import type { Offer, Served } from '../offering/served.ts';
import { offerOf } from './repository-word.ts';

const most = 5;

/** Names of charts that are listed and look like one that is not; the nearest first. */
export function nearestNames(all: readonly Served[], chart: string): readonly string[] {
  const names = new Set(offersOf(all).flatMap(({ shelf }) => [...shelf.groups()]));
  return nearest(chart, [...names], most);
}

/** The texts of a chart's versions that a repository offers. */
export function versionsOffered(served: Served, chart: string): readonly string[] {
  return offersOf([served]).flatMap(({ selection }) =>
    Array.from(selection.offered(chart), ({ version }) => version.version),
  );
}

/** Of these versions those that are the same or begin alike, then the next newer and the next older. */
export function nearestVersions(all: readonly string[], version: string): readonly string[] {
  const asked = sortable(version);
  const sorted = [...new Set(all)].map(sortable).sort(newestFirst);
  const alike = sorted.filter(({ text }) => isAlike(text, version));
  const newer = sorted.findLast((one) => newestFirst(one, asked) < 0);
  const older = sorted.find((one) => newestFirst(one, asked) > 0);
  const near = [...alike, newer, older].flatMap((one) => one?.text ?? []);
  return [...new Set(near)].slice(0, most);
}

function offersOf(all: readonly Served[]): readonly Offer[] {
  return all.flatMap((served) => {
    const offer = offerOf(served);
    return offer instanceof Fault ? [] : [offer];
  });
}

function isAlike(text: string, asked: string): boolean {
  return canonicalVersion(text) === canonicalVersion(asked) || text.startsWith(`${asked}.`);
}
