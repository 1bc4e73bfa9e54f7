import { z } from 'zod';

import type { DenyRule } from '../chart/rules.ts';
import { adviseQuotes, leaf, text, type LeafNotes } from './leaf.ts';
import { optionNotes } from './options.ts';
import { adviseDenyRule, adviseRange, isNameOrGlob, isRange, isSound, readDenyRule } from './patterns.ts';

/** A chart name, or a glob over chart names, perhaps behind a `!`. A path before it means something to registries only. */
const pathPattern = /^!?[A-Za-z0-9*?[{][A-Za-z0-9._*?[\]{},/-]{0,255}$/;
const namePattern = /^!?[A-Za-z0-9*?[{][A-Za-z0-9._*?[\]{},-]{0,255}$/;

function chartPattern(fits: (bare: string) => boolean, json: RegExp) {
  return leaf<string>(
    {
      read: (written) => (typeof written === 'string' && fits(written.replace(/^!/, '')) ? written : undefined),
      advise: (written) =>
        typeof written === 'string' && /[[\]{},]/.test(written)
          ? 'brackets must be closed, and each pattern is an entry of its own; '
          : adviseQuotes(written),
    },
    {
      description: 'A chart name or a glob; behind ! it excludes.',
      allowed: 'a chart name or a glob, such as nginx, corp-* or !legacy-*',
      json: { type: 'string', pattern: json.source },
    },
  );
}

const oneOfUpstream = chartPattern((bare) => pathPattern.test(bare) && isSound(bare), pathPattern);
const oneOfRepository = chartPattern(isNameOrGlob, namePattern);

/** `charts` of an upstream. */
export const upstreamCharts = chartList(
  oneOfUpstream,
  'Which charts are offered and fetched: names or globs, ! excludes. For a registry plain names, perhaps with a path before them; globs only with discover.',
);

/** `charts` of a repository. */
export const repositoryCharts = chartList(
  oneOfRepository,
  'Which charts this repository offers: names or globs, ! excludes.',
);

function chartList(one: typeof oneOfUpstream, description: string) {
  return z
    .array(one)
    .min(1)
    .register(optionNotes, {
      description,
      allowed: 'a list of chart names or globs, with at least one in it; leave it out for everything',
      absent: 'everything',
      example: ['*', '!legacy-*'],
    });
}

const allowedRange = 'a range of versions, such as ">=1.2, <2"';

function range(notes: LeafNotes) {
  return leaf<string>(
    {
      read: (written) => (typeof written === 'string' && isRange(written) ? written : undefined),
      advise: (written) => (typeof written === 'string' ? adviseRange(written) : adviseQuotes(written)),
    },
    { allowed: allowedRange, json: { type: 'string', minLength: 1 }, ...notes },
  );
}

const rangesByChart = z
  .record(z.string(), range({ description: 'The range for the charts of this name or glob.' }))
  .register(optionNotes, {
    description:
      'Ranges for single charts, by name or glob: exact names go first, then the order. Charts that none is for are not limited.',
    allowed: 'a mapping of chart names or globs to ranges, with at least one in it',
    json: { minProperties: 1 },
  });

/** `versions` of an upstream or a repository: one range, or ranges by chart. */
export function versions(description: string) {
  const allowed = `${allowedRange}, or ranges by chart, such as { nginx: ">=15", "*": "*" }`;
  return z.union([range({ description: 'The range for every chart.', allowed }), rangesByChart]).register(optionNotes, {
    description,
    allowed,
    absent: 'every version',
    example: '>=1.0.0',
  });
}

const denyRule = leaf<DenyRule>(
  {
    read: (written) => (typeof written === 'string' ? readDenyRule(written) : undefined),
    advise: (written) => (typeof written === 'string' ? adviseDenyRule(written) : ''),
  },
  {
    description: 'A chart, and which of its versions where not all are meant.',
    allowed: 'chart, chart@range or chart@sha256:<64 hex digits>, such as nginx@<15.0.4',
    json: { type: 'string', pattern: '^[A-Za-z0-9*?[{][A-Za-z0-9._*?[\\]{},-]{0,255}(@.+)?$' },
  },
);

/** `deny` of a repository. */
export const denyOption = z.array(denyRule).register(optionNotes, {
  description:
    'What is refused on every door at once, also what is held: chart, chart@range or chart@digest, the chart a name or glob whatever its case. The digest is that of the archive, or of the manifest or config in a registry.',
  allowed: 'a list of chart, chart@range or chart@sha256:<64 hex digits>',
  absent: 'nothing',
  example: ['nginx@<15.0.4'],
});

/** `owners` of a repository. */
export const ownersOption = z
  .record(
    z.string(),
    text({ description: 'The upstream that alone provides them.', allowed: 'the name of an upstream' }),
  )
  .register(optionNotes, {
    description:
      'Names that one upstream alone may provide, even while it lists none of them: names or globs, whatever their case, to the upstream. Exact names go first, then the order.',
    allowed: 'a mapping of chart names or globs to the names of upstreams',
    absent: 'whoever has listed a name longest owns it',
    example: { 'corp-*': 'internal' },
  });
