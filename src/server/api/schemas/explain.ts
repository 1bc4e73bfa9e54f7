import { z } from 'zod';

import type { Explanation, RepositoryWord, UpstreamWord, VersionTally } from '../../../mirror/contract/explain.ts';
import { describing } from '../exact.ts';
import { count, digest, fault, provenance, tally, time } from './words.ts';

const upstreamWord = describing<UpstreamWord>()(
  z
    .strictObject({
      upstream: z.string(),
      everListed: z.boolean().meta({ description: 'False while it never gave a good listing.' }),
      lists: z.boolean(),
      versions: count.meta({ description: 'Of a chart as a whole: how many it lists.' }),
      since: time.optional().meta({ description: 'Since when we know that.' }),
      withdrawn: z.boolean(),
      claimed: z.array(digest).meta({
        description:
          'What it promises of the archive; of a version that is withdrawn what it promised, as far as that is remembered.',
      }),
      rewritten: z
        .boolean()
        .meta({ description: 'It promises other bytes by now than those that are held; the first ones are served.' }),
      held: z
        .strictObject({ digest, size: count, heldAt: time, key: z.string().meta({ description: 'In the store.' }) })
        .optional(),
      provenance: provenance.optional(),
      fault: fault.optional().meta({ description: "The upstream's own trouble now." }),
    })
    .meta({ id: 'UpstreamWord', description: 'What one upstream has to do with it.' }),
);

const versionTally = describing<VersionTally>()(
  z
    .strictObject({
      offered: count,
      listed: count.meta({ description: 'Of those that are offered.' }),
      hidden: tally.meta({ description: 'By the rule that denies or hides them.' }),
    })
    .meta({ id: 'VersionTally', description: 'How many versions are provided, and what becomes of them.' }),
);

const repositoryWord = describing<RepositoryWord>()(
  z
    .strictObject({
      repository: z.string(),
      outcome: z.enum(['offered', 'hidden', 'denied', 'absent', 'unavailable']).meta({
        description: '`unavailable`: no upstream was ever listed, or the store is damaged.',
      }),
      version: z.string().optional().meta({ description: 'The version that is spoken of.' }),
      provider: z.string().optional().meta({ description: 'Which upstream provides it here, or alone may.' }),
      providerReason: z.string().meta({ description: 'Why that one.' }),
      reason: z.string().meta({ description: 'Which rule decided.' }),
      listed: z.boolean().meta({ description: 'What is offered and not listed can be had by name.' }),
      contestedBy: z.array(z.string()).meta({ description: 'Upstreams that list it and may not provide it here.' }),
      answer: z
        .strictObject({ status: z.int(), text: z.string() })
        .meta({ description: 'What a request for its archive would get.' }),
      versions: versionTally.optional().meta({ description: 'Of a chart as a whole.' }),
    })
    .meta({
      id: 'RepositoryWord',
      description: 'Why a repository does, or does not, offer it: of a chart as a whole, the newest version.',
    }),
);

/** Why something is there, or is not. */
export const explanation = describing<Explanation>()(
  z
    .strictObject({
      chart: z.string(),
      version: z.string().optional(),
      upstreams: z.array(upstreamWord),
      repositories: z.array(repositoryWord),
      nearest: z.array(z.string()).meta({
        description: 'Names, or versions, near to one that nobody has; the nearest first.',
      }),
    })
    .meta({ id: 'Explanation' }),
);
