import { z } from 'zod';

import { denyOption, ownersOption, repositoryCharts, versions } from './chart-options.ts';
import { adviseQuotes, choice, dnsLabel, duration, flag, leaf, text, whole } from './leaf.ts';
import { optionNotes } from './options.ts';

/** First parts of paths that are addresses of our own (configuration.md section 1). */
const reserved = ['charts', 'v2', 'api', 'ui', 'livez', 'readyz', 'metrics', 'index.yaml'];

const name = leaf<string>(
  {
    read: (written) =>
      typeof written === 'string' && dnsLabel.test(written) && !reserved.includes(written) ? written : undefined,
    advise: (written) =>
      reserved.includes(String(written)) ? 'that is an address of the server itself; ' : adviseQuotes(written),
  },
  {
    description: 'What it is called and where it answers: stable at /stable/.',
    allowed: `a DNS label: lower case letters, digits and "-", 63 at most; none of ${reserved.join(', ')}`,
    example: 'stable',
    json: { type: 'string', pattern: `^(?!(?:${reserved.slice(0, -1).join('|')})$)${dnsLabel.source.slice(1)}` },
  },
);

const members = z
  .array(text({ description: 'The name of an upstream.', allowed: 'the name of an upstream' }))
  .min(1)
  .register(optionNotes, {
    description:
      'Where its charts come from. Where several list a name at once, the one that stands first provides it.',
    allowed: 'a list of names of upstreams, with at least one in it; leave it out for every upstream',
    absent: 'every upstream, in order',
    example: ['internal', 'podinfo'],
  });

const year = 8760 * 3_600_000;

const repositorySchema = z
  .strictObject({
    name,
    root: flag({
      description: 'Answers at / too, without its name. Of several repositories one may.',
      absent: 'true for a single repository, false for several',
      example: true,
    }).optional(),
    upstreams: members.optional(),
    overlap: choice(['first', 'merge'], {
      description:
        "Who provides a chart that several upstreams list: first is the one that listed the name first, with all of its versions; merge is decided version by version. A name that is nobody else's to provide belongs in owners.",
      default: 'first',
      example: 'merge',
    }).prefault('first'),
    owners: ownersOption.optional(),
    deny: denyOption.optional(),
    charts: repositoryCharts.optional(),
    versions: versions(
      'Which versions this repository offers: a range for all of its charts, or ranges by chart. Prereleases are versions like any other here.',
    ).optional(),
    prereleases: flag({
      description: 'Whether prereleases are offered. false for clusters that take the newest of everything.',
      default: true,
      example: false,
    }).prefault(true),
    deprecated: flag({
      description: 'Whether versions are offered whose Chart.yaml says that they are deprecated.',
      default: true,
      example: false,
    }).prefault(true),
    listNewest: whole(1, 1_000_000, {
      description:
        'Lists only the newest so many versions of each chart, for an index that clients load faster. Helm finds in an index only what is listed; by exact path the others can be had.',
      absent: 'all of them',
      example: 50,
    }).optional(),
    cooldown: duration(
      1,
      year,
      {
        description:
          'A version is offered only once it has been known so long, so that a bad release is found elsewhere first.',
        default: 0,
        example: '72h',
      },
      true,
    ).prefault(0),
  })
  .register(optionNotes, { description: 'One set of charts under one address.', allowed: 'a mapping with name' });

/** The list of repositories. */
export const repositoriesSchema = z
  .array(repositorySchema)
  .min(1)
  .register(optionNotes, {
    description:
      'What is offered, and to whom it belongs: named sets of charts, each composed from upstreams by its own rules.',
    allowed: 'a list of repositories, with at least one in it',
    absent: 'one repository named all with every upstream, in order',
    example: [{ name: 'stable', upstreams: ['internal', 'podinfo'] }],
  });

/** What a repository says in a valid file, its own defaults applied. */
export type RepositoryOptions = z.output<typeof repositorySchema>;
