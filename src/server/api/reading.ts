import { z } from 'zod';

import { unknownRepository } from '../../chart/unknown-repository.ts';
import type { RepositoryInfo, VersionDetails } from '../../mirror/contract/library.ts';
import { addressesOf, doorsUrl } from './addresses.ts';
import { exampleChart, exampleDetails, exampleExplanation, exampleRepository, exampleVersion } from './examples.ts';
import { operation, type ApiParts } from './operation.ts';
import { chartName, chartVersion, nameOf, optionalText, shortText, wholeNumber } from './parameters.ts';
import { chartPage, chartVersions, repositoryInfo, versionAnswer, type VersionAnswer } from './schemas/charts.ts';
import { explanation } from './schemas/explain.ts';

const repository = nameOf('repository');
const usualLimit = 50;
const maxLimit = 500;

/** What people and pages ask about repositories and charts. */
export const reading = [
  operation({
    id: 'listRepositories',
    method: 'get',
    path: '/api/v1/repositories',
    summary: 'Every repository',
    description: 'In the order of the configuration.',
    parameters: {},
    query: {},
    answer: z.strictObject({ repositories: z.array(repositoryInfo) }).meta({ id: 'Repositories' }),
    example: { repositories: [exampleRepository] },
    otherStatuses: [],
    revalidated: true,
    run: ({ library }) => ({ repositories: library.repositories() }),
  }),
  operation({
    id: 'getRepository',
    method: 'get',
    path: '/api/v1/repositories/{repository}',
    summary: 'One repository',
    description: 'What it is made of, and how much its lists show.',
    parameters: { repository },
    query: {},
    answer: repositoryInfo,
    example: exampleRepository,
    otherStatuses: [404],
    revalidated: true,
    run: (parts, { path }) => findRepository(parts, path.repository),
  }),
  operation({
    id: 'listCharts',
    method: 'get',
    path: '/api/v1/repositories/{repository}/charts',
    summary: 'The charts of a repository, or those that a search finds',
    description: 'By name, or the best first. A `Link` with `rel="next"` leads to those that follow.',
    parameters: { repository },
    query: {
      search: shortText
        .default('')
        .meta({ description: 'Words that name, keywords or description have.', examples: ['podinfo'] }),
      offset: wholeNumber('offset', 0, 1_000_000).default(0),
      limit: wholeNumber('limit', 1, maxLimit).default(usualLimit),
    },
    answer: chartPage,
    example: { total: 1, offset: 0, limit: usualLimit, charts: [exampleChart] },
    otherStatuses: [404, 503],
    revalidated: true,
    run: async ({ library }, { path, query: { search, offset, limit } }) => {
      const { total, charts } = await library.charts(path.repository, { search, offset, limit });
      return { total, offset, limit, charts };
    },
    next: ({ query: { search } }, { total, offset, limit }) => {
      if (offset + limit >= total) return undefined;
      const next = { ...(search !== '' && { search }), offset: String(offset + limit), limit: String(limit) };
      return String(new URLSearchParams(next));
    },
  }),
  operation({
    id: 'listVersions',
    method: 'get',
    path: '/api/v1/repositories/{repository}/charts/{chart}',
    summary: 'The versions of a chart',
    description: 'Those that the index lists, newest first.',
    parameters: { repository, chart: chartName },
    query: {},
    answer: chartVersions,
    example: { repository: 'stable', chart: 'podinfo', versions: [exampleVersion] },
    otherStatuses: [404, 503],
    revalidated: true,
    run: async ({ library }, { path }) => ({ ...path, versions: await library.versions(path.repository, path.chart) }),
  }),
  operation({
    id: 'getVersion',
    method: 'get',
    path: '/api/v1/repositories/{repository}/charts/{chart}/{version}',
    summary: 'One version with everything that is known of it',
    description:
      'Its archive is fetched first when it is not held. A version that is offered and cannot be fetched now is answered ' +
      'all the same, with the fault in place of its documents.',
    parameters: { repository, chart: chartName, version: chartVersion },
    query: {},
    answer: versionAnswer,
    example: exampleDetails,
    otherStatuses: [403, 404, 502, 503, 504],
    revalidated: true,
    run: async (parts, { path, host }) => {
      const details = await parts.library.version(path);
      return located(details, findRepository(parts, path.repository), doorsUrl(parts.doors(), host));
    },
  }),
  operation({
    id: 'explain',
    method: 'get',
    path: '/api/v1/explain',
    summary: 'Why a chart, or a version, is or is not offered',
    description: 'Every upstream that lists it, who provides it, which rule decided, and what a request would get.',
    parameters: {},
    query: {
      repository: optionalText.meta({ description: 'Absent for every repository.' }),
      chart: z
        .string('Name the chart to explain.')
        .min(1, 'Name the chart to explain.')
        .meta({ examples: ['podinfo'] }),
      version: optionalText.meta({ description: 'Absent for the chart as a whole.' }),
    },
    answer: explanation,
    example: exampleExplanation,
    otherStatuses: [404],
    revalidated: false,
    run: ({ explainer }, { query }) => explainer.explain(query),
  }),
];

function findRepository({ library }: ApiParts, name: string): RepositoryInfo {
  const all = library.repositories();
  const found = all.find((one) => one.name === name);
  if (found) return found;
  throw unknownRepository(
    name,
    all.map((one) => one.name),
  );
}

/** The version with the addresses of it and of what it needs. */
function located(details: VersionDetails, repository: RepositoryInfo, doors: string): VersionAnswer {
  const addresses = (chart: string, version: string) => addressesOf(doors, repository, chart, version);
  return {
    repository: repository.name,
    ...details,
    addresses: addresses(details.chart, details.version),
    dependencies: details.dependencies.map(({ available, ...dependency }) => ({
      ...dependency,
      ...(available && {
        available: { ...available, addresses: addresses(dependency.name, available.version) },
      }),
    })),
  };
}
