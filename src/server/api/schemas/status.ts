import { z } from 'zod';

import type {
  ConfigurationStatus,
  ContestedName,
  FailedVersion,
  ProvenanceStatus,
  RewrittenVersion,
  Status,
  SyncReport,
  UnverifiedVersion,
  UpstreamCounts,
  UpstreamDetails,
  UpstreamStatus,
} from '../../../mirror/contract/operator.ts';
import { describing } from '../exact.ts';
import { count, descriptor, digest, fault, tally, time, verifyMode } from './words.ts';

const counts = describing<UpstreamCounts>()(
  z
    .strictObject({
      charts: count,
      versions: count,
      held: count.meta({ description: 'Versions whose archive is in the store.' }),
      withdrawn: count.meta({ description: 'Versions that the upstream no longer lists.' }),
      rewritten: count.meta({ description: 'Versions whose bytes the upstream changed after we had them.' }),
      contested: count.meta({ description: 'Names, under `merge` versions, that it lists and may not provide.' }),
      rejectedRows: count.meta({ description: 'Rows of its last good listing that were dropped.' }),
      bytes: count.meta({ description: 'Of the archives that are held.' }),
    })
    .meta({ id: 'UpstreamCounts' }),
);

const provenanceStatus = describing<ProvenanceStatus>()(
  z
    .strictObject({
      mode: verifyMode,
      valid: count,
      missing: count,
      invalid: count,
      unjudged: count.meta({ description: 'Not by the present keyring yet.' }),
    })
    .meta({ id: 'UpstreamProvenance', description: 'What the provenance of held versions turned out to be.' }),
);

const upstreamFields = {
  name: z.string(),
  type: z.string().meta({ description: 'chart-repository, registry, bucket or folder.' }),
  url: z.string().meta({ description: 'Without user info and query.' }),
  state: z.enum(['ok', 'failing', 'refused', 'never']).meta({
    description: '`refused`: its listing lost too much and waits for an operator. `never`: it was never listed.',
  }),
  schedule: z.enum(['timed', 'manual', 'retired']),
  lastAttempt: time.optional(),
  lastSuccess: time.optional(),
  nextAttempt: time.optional(),
  counts,
  provenance: provenanceStatus.optional(),
  rejected: tally.meta({ description: 'Rows of the last good listing that were dropped, by reason.' }),
  fault: fault.optional(),
  warnings: z.array(z.string()).optional().meta({ description: 'What is configured and should not stay so.' }),
};

const upstreamStatus = describing<UpstreamStatus>()(
  z.strictObject(upstreamFields).meta({ id: 'UpstreamStatus', description: 'How one upstream does.' }),
);

const failedVersion = describing<FailedVersion>()(
  z.strictObject({ chart: z.string(), version: z.string(), fault, attempts: count, nextAttempt: time }).meta({
    id: 'FailedVersion',
    description:
      'A version that could not be fetched ahead, or is new and lacks a provenance file that is wanted. It is tried again.',
  }),
);

const rewrittenVersion = describing<RewrittenVersion>()(
  z.strictObject({ chart: z.string(), version: z.string(), held: digest, claimed: digest }).meta({
    id: 'RewrittenVersion',
    description: 'A version whose first bytes are served, while the upstream promises others.',
  }),
);

const unverifiedVersion = describing<UnverifiedVersion>()(
  z
    .strictObject({
      chart: z.string(),
      version: z.string(),
      result: z.enum(['missing', 'invalid']),
      reason: z.string().meta({ description: 'In words that follow "because".' }),
    })
    .meta({
      id: 'UnverifiedVersion',
      description: 'A held version whose provenance is not valid; with `verify.mode: require` it is refused.',
    }),
);

const contestedName = describing<ContestedName>()(
  z
    .strictObject({
      repository: z.string(),
      chart: z.string(),
      version: z.string().optional().meta({ description: 'Under `overlap: merge`.' }),
      owner: z.string().meta({ description: 'The upstream that provides it, or for which it is reserved.' }),
    })
    .meta({ id: 'ContestedName', description: 'What an upstream lists and may not provide in a repository.' }),
);

/** One upstream alone. */
export const upstreamDetails = describing<UpstreamDetails>()(
  z
    .strictObject({
      ...upstreamFields,
      failedVersions: z.array(failedVersion),
      rewrittenVersions: z.array(rewrittenVersion),
      contestedNames: z.array(contestedName),
      unverifiedVersions: z.array(unverifiedVersion).optional().meta({
        description: 'Absent where provenance is not checked.',
      }),
    })
    .meta({ id: 'UpstreamDetails', description: 'One upstream alone. The lists have 200 entries at most.' }),
);

const configuration = describing<ConfigurationStatus>()(
  z
    .strictObject({
      file: z.string(),
      loadedAt: time,
      state: z.enum(['ok', 'refused']).meta({
        description: '`refused`: the file is another one by now, and bad; what was loaded before goes on.',
      }),
      problems: z.array(z.string()).optional(),
      needsRestart: z.array(z.string()).optional().meta({
        description: 'Options that were changed and take effect with the next start.',
      }),
    })
    .meta({ id: 'ConfigurationStatus', description: 'Which configuration is served from.' }),
);

/** The whole server. */
export const status = describing<Status>()(
  z
    .strictObject({
      version: z.string().meta({ description: 'Of Chartroom.' }),
      uptimeSeconds: z.number().nonnegative(),
      ready: z.boolean(),
      configuration,
      store: z.strictObject({ kind: z.string(), state: z.enum(['ok', 'failing']), fault: fault.optional() }),
      upstreams: z.array(upstreamStatus),
    })
    .meta({ id: 'Status' }),
);

/** What one sync found. */
export const syncReport = describing<SyncReport>()(
  z
    .strictObject({
      upstream: z.string(),
      unchanged: z.boolean(),
      charts: count,
      versions: count,
      added: count,
      withdrawn: count,
      rewritten: count,
      changed: count.meta({ description: 'Not held yet, and promised with another digest than before.' }),
      rejected: tally,
      durationMs: z.number().nonnegative(),
    })
    .meta({ id: 'SyncReport', description: 'What one sync found, in chart versions.' }),
);

/** What is held since new bytes were taken. */
export const acceptedVersion = z
  .strictObject({ chart: z.string(), version: z.string(), archive: descriptor, heldAt: time })
  .meta({ id: 'AcceptedVersion' });
