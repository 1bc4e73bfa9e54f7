import { Range } from 'semver';

import type { VersionTest } from './ranges.ts';
import { parseVersion } from './version.ts';

/**
 * A constraint as Helm reads that of a dependency (Masterminds/semver v3): alternatives divided by `||`, in each what must
 * hold together divided by commas or spaces. Prereleases count where an alternative names one, whichever it names, and
 * then for all of it. Nothing written is any version. Undefined for what is none.
 */
export function helmConstraint(text: string): VersionTest | undefined {
  const alternatives = text.split('||').map(readAlternative);
  if (!alternatives.every((one) => one !== undefined)) return undefined;
  return (version) => alternatives.some((matches) => matches(version));
}

const exclusion = /!=\s*([^\s,]+)/g;
const build = /\+[0-9A-Za-z.-]+/g;
/** A dash right behind a number; that of a hyphen range has spaces around it. */
const prerelease = /[\dxX*]-[0-9A-Za-z]/;

function readAlternative(text: string): VersionTest | undefined {
  const includePrerelease = prerelease.test(text.replaceAll(build, ''));
  const excluded = [...text.matchAll(exclusion)].map(([, version = '']) => rangeOf(version, true));
  const wanted = rangeOf(text.replaceAll(exclusion, ' '), includePrerelease);
  if (!wanted || !excluded.every((one) => one !== undefined)) return undefined;
  return (version) => {
    const parsed = parseVersion(version);
    return parsed !== undefined && wanted.test(parsed) && !excluded.some((one) => one.test(parsed));
  };
}

/** A version with a prerelease that leaves numbers out: `>=1.19-0`. */
const shortened = /(?<=^|[\s<>=~^v])(\d+)(?:\.(\d+))?-(?=[0-9A-Za-z])/g;

/** In the spelling that npm knows. */
function rangeOf(text: string, includePrerelease: boolean): Range | undefined {
  const spelt = text
    .replaceAll(',', ' ')
    .replaceAll('=>', '>=')
    .replaceAll('=<', '<=')
    .replaceAll(shortened, (_, major: string, minor = '0') => `${major}.${minor}.0-`);
  try {
    return new Range(spelt, { includePrerelease });
  } catch {
    return undefined;
  }
}
