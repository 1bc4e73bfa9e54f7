import { z } from 'zod';

import { accessOptions, endpointOption } from './access-schema.ts';
import { upstreamCharts, versions } from './chart-options.ts';
import { choice, dnsLabel, duration, flag, leaf, percentage, size, text, whole } from './leaf.ts';
import { optionNotes } from './options.ts';
import { allowedUrls, upstreamTypes } from './upstream-url.ts';
import { verifyOption } from './verify.ts';

const newest = z
  .strictObject({
    newest: whole(1, 1_000_000, {
      description: 'How many versions of each chart are fetched ahead, newest first; prereleases count.',
      example: 5,
    }),
  })
  .register(optionNotes, { description: 'The newest few of each chart.', allowed: 'a mapping with newest' });

const mirror = z
  .union([
    choice(['all', 'requested'], {
      description: 'Every archive, or those that were asked for.',
      allowed: 'all, requested or { newest: N }',
    }),
    newest,
  ])
  .register(optionNotes, {
    description:
      'Which archives are fetched ahead of the first request; fewer save space and traffic, but a chart that was never fetched is lost with its upstream.',
    allowed: 'all, requested or { newest: N }',
    default: 'all',
    example: { newest: 5 },
  });

/** What an upstream may say, and `defaults` may say for all of them. Durations become milliseconds, sizes bytes. */
const upstreamOptions = {
  type: choice(upstreamTypes, {
    description: 'What the upstream speaks. Say it where the url alone would be read wrongly.',
    absent: 'told from the url',
    example: 'registry',
  }).optional(),
  interval: duration(
    10_000,
    86_400_000,
    {
      description:
        'How often the upstream is asked for news. 0 turns the timer off: one sync when nothing is known yet, then by hand only.',
      default: '2m',
      example: '10m',
    },
    true,
  ).optional(),
  retired: flag({
    description:
      'Never contact this upstream again; everything held goes on being offered. For one that is gone or no longer wanted.',
    default: false,
    example: true,
  }).optional(),
  charts: upstreamCharts.optional(),
  versions: versions(
    'Which versions are offered and fetched: a range for all charts, or ranges by chart. Prereleases are versions like any other here. What it leaves out comes back when it is widened.',
  ).optional(),
  discover: flag({
    description:
      "Ask the registry's own listing for its charts. Not every registry has one, and it costs more requests than naming the charts.",
    default: false,
    example: true,
  }).optional(),
  mirror: mirror.optional(),
  rewritten: choice(['refuse', 'accept'], {
    description:
      'What becomes of other bytes under a name and version that we hold: refuse serves the first ones until an operator accepts the new, accept takes the new at once. Accept only where versions are built anew on purpose.',
    default: 'refuse',
    example: 'accept',
  }).optional(),
  withdrawn: choice(['keep', 'drop'], {
    description:
      'What becomes of versions that the upstream no longer lists: keep goes on offering them, drop offers them no more. Drop where what is deleted there must disappear here.',
    default: 'keep',
    example: 'drop',
  }).optional(),
  maxShrink: percentage({
    description:
      'With withdrawn: drop, the share of its versions that a listing may lose; one that loses more is refused until an operator accepts it. Lower it to be asked sooner, 100% is never to be asked.',
    default: '50%',
    example: '20%',
  }).optional(),
  verify: verifyOption.optional(),
  ...accessOptions,
  timeout: duration(1, 3_600_000, {
    description: 'How long one request with its body may take. Raise it for large archives on slow lines.',
    default: '60s',
    example: '5m',
  }).optional(),
  retries: whole(1, 20, {
    description:
      'Attempts at one listing or chart before it waits for its next turn. Raise it for an upstream that often fails in passing.',
    default: 5,
    example: 3,
  }).optional(),
  concurrency: whole(1, 64, {
    description: 'How many requests run at once. Lower it for an upstream that limits its clients.',
    default: 4,
    example: 8,
  }).optional(),
  requestsPerSecond: whole(1, 1000, {
    description:
      'How many requests may begin in a second, for syncs and archives together. Lower it for an upstream that answers 429.',
    default: 20,
    example: 5,
  }).optional(),
  maxIndexBytes: size(256 * 1024 ** 2, {
    description: 'The largest listing that is read. Raise it for an index of tens of thousands of versions.',
    default: '64MiB',
    example: '128MiB',
  }).optional(),
  maxArchiveBytes: size(1024 ** 3, {
    description: 'The largest archive that is fetched. Raise it for charts that carry large files.',
    default: '64MiB',
    example: '512KiB',
  }).optional(),
};

/** Anything an upstream may say except its name, url and endpoint. */
export const defaultsSchema = z.strictObject(upstreamOptions).register(optionNotes, {
  description:
    'Anything an upstream may say except name, url and endpoint, said once; an upstream that says it too is heard instead.',
  allowed: 'a mapping of upstream options',
});

const upstreamSchema = z
  .strictObject({
    name: text(
      {
        description: 'What messages, metrics, the API and the store call this upstream. Renaming it starts it anew.',
        allowed: 'a DNS label: lower case letters, digits and "-", 63 at most',
        example: 'podinfo',
      },
      dnsLabel,
    ),
    url: leaf<string>(
      { read: (written) => (typeof written === 'string' && written !== '' ? written : undefined) },
      {
        description: 'Where the charts come from; its form tells the type.',
        allowed: `a url: ${allowedUrls}`,
        example: 'https://stefanprodan.github.io/podinfo',
        json: { type: 'string' },
      },
    ),
    endpoint: endpointOption.optional(),
    ...upstreamOptions,
  })
  .register(optionNotes, {
    description: 'One place charts come from.',
    allowed: 'a mapping with name and url',
  });

/** The list of upstreams. */
export const upstreamsSchema = z
  .array(upstreamSchema)
  .min(1)
  .register(optionNotes, {
    description:
      'The places charts come from. Where two list the same chart name, the one known longest provides it; the order decides between equals.',
    allowed: 'a list of upstreams, with at least one in it',
    example: [{ name: 'podinfo', url: 'https://stefanprodan.github.io/podinfo' }],
  });
