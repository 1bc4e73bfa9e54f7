import { z } from 'zod';

import type { ChartDocuments } from '../../../formats/chart-documents.ts';
import type {
  ChartSummary,
  DependencyInfo,
  Maintainer,
  RepositoryInfo,
  VersionDetails,
  VersionSummary,
} from '../../../mirror/contract/library.ts';
import type { Addresses } from '../addresses.ts';
import { describing } from '../exact.ts';
import { count, digest, fault, provenance, time } from './words.ts';

/** A version as the library knows it, with the addresses of it and of what it needs. */
export interface VersionAnswer extends Omit<VersionDetails, 'dependencies'> {
  readonly repository: string;
  readonly addresses: Addresses;
  readonly dependencies: readonly LocatedDependency[];
}

interface LocatedDependency extends Omit<DependencyInfo, 'available'> {
  readonly available?: (NonNullable<DependencyInfo['available']> & { readonly addresses: Addresses }) | undefined;
}

/** One repository. */
export const repositoryInfo = describing<RepositoryInfo>()(
  z
    .strictObject({
      name: z.string(),
      root: z.boolean().meta({ description: 'Whether it answers at / too.' }),
      upstreams: z.array(z.string()).meta({ description: 'Names of its upstreams in order.' }),
      charts: count,
      versions: count,
      etag: z.string().optional().meta({
        description: 'Of its index: changes whenever its bytes do. Absent while there is none yet.',
      }),
    })
    .meta({ id: 'Repository', description: 'A repository and how much its lists show.' }),
);

const maintainer = describing<Maintainer>()(
  z
    .strictObject({ name: z.string().optional(), email: z.string().optional(), url: z.string().optional() })
    .meta({ id: 'Maintainer', description: 'As Chart.yaml has it.' }),
);

const chartSummary = describing<ChartSummary>()(
  z
    .strictObject({
      name: z.string(),
      version: z.string().meta({ description: 'The newest that is no prerelease, where there is one.' }),
      appVersion: z.string().optional(),
      description: z.string().optional(),
      keywords: z.array(z.string()),
      maintainers: z.array(maintainer),
      home: z.string().optional(),
      icon: z.string().optional(),
      type: z.string().optional(),
      deprecated: z.boolean(),
      updated: time.optional().meta({ description: 'When that version was created.' }),
      versions: count.meta({ description: 'How many are listed.' }),
      upstream: z.string().meta({ description: 'Who provides that version.' }),
    })
    .meta({ id: 'Chart', description: 'A chart by its latest version.' }),
);

/** Some of the charts of a repository. */
export const chartPage = z
  .strictObject({
    total: count.meta({ description: 'How many there are in all.' }),
    offset: count,
    limit: count,
    charts: z.array(chartSummary),
  })
  .meta({ id: 'ChartPage' });

const versionFields = {
  version: z.string(),
  appVersion: z.string().optional(),
  created: time.optional(),
  deprecated: z.boolean(),
  withdrawn: z.boolean().meta({ description: 'The upstream no longer lists it. It stays.' }),
  digest: digest
    .optional()
    .meta({ description: 'Of the archive: what is held, else what is claimed when that is one.' }),
  upstream: z.string().meta({ description: 'Who provides it.' }),
};

const versionSummary = describing<VersionSummary>()(
  z.strictObject(versionFields).meta({ id: 'ChartVersion', description: 'A version in a list.' }),
);

/** One chart's versions. */
export const chartVersions = z
  .strictObject({
    repository: z.string(),
    chart: z.string(),
    versions: z.array(versionSummary).meta({ description: 'Newest first, as the index lists them.' }),
  })
  .meta({ id: 'ChartVersions' });

const addresses = describing<Addresses>()(
  z
    .strictObject({
      http: z.string().meta({ description: 'Of the archive.' }),
      oci: z
        .string()
        .nullable()
        .meta({
          description:
            'What `helm pull` takes. Null for names and versions that a registry cannot express, and where the public ' +
            'address has a path.',
        }),
    })
    .meta({ id: 'Addresses', description: 'Where it can be had.' }),
);

const available = z
  .strictObject({ version: z.string(), upstream: z.string(), addresses })
  .meta({ id: 'AvailableDependency' });

const dependency = describing<LocatedDependency>()(
  z
    .strictObject({
      name: z.string(),
      version: z.string().optional().meta({ description: 'A range.' }),
      repository: z.string().optional().meta({ description: 'As its author wrote it.' }),
      alias: z.string().optional(),
      condition: z.string().optional(),
      available: available.optional().meta({
        description: 'The newest version in the range that the same repository offers.',
      }),
    })
    .meta({ id: 'Dependency', description: 'A chart that it needs, by its Chart.yaml.' }),
);

const chartDocuments = describing<ChartDocuments>()(
  z
    .strictObject({
      readme: z.string().optional(),
      values: z.string().optional().meta({ description: 'values.yaml.' }),
      schema: z.string().optional().meta({ description: 'values.schema.json, as text.' }),
      tooLarge: z
        .array(z.enum(['readme', 'values', 'schema']))
        .meta({ description: 'Those that are too large to show.' }),
    })
    .meta({ id: 'ChartDocuments', description: 'What is in the archive for people to read.' }),
);

/** One version with everything that is known of it. */
export const versionAnswer = describing<VersionAnswer>()(
  z
    .strictObject({
      repository: z.string(),
      chart: z.string(),
      ...versionFields,
      metadata: z.record(z.string(), z.unknown()).meta({ description: 'The fields of Chart.yaml that Helm knows.' }),
      firstSeen: time,
      size: count.optional().meta({ description: 'Bytes of the archive; absent while it is not held.' }),
      addresses,
      dependencies: z.array(dependency),
      provenance,
      documents: z.union([chartDocuments, z.strictObject({ fault })]).meta({
        description: 'Or the fault for which they cannot be had now.',
      }),
    })
    .meta({ id: 'ChartVersionDetails' }),
);
