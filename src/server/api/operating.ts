import { z } from 'zod';

import { exampleDigest, exampleReport, exampleStatus, exampleUpstream } from './examples.ts';
import { operation } from './operation.ts';
import { chartName, chartVersion, nameOf } from './parameters.ts';
import { acceptedVersion, status, syncReport, upstreamDetails } from './schemas/status.ts';

const upstream = nameOf('upstream');
const whatAnUpstreamDoes = [401, 403, 404, 409, 502, 503, 504] as const;

/** What an operator asks and does. */
export const operating = [
  operation({
    id: 'getStatus',
    method: 'get',
    path: '/api/v1/status',
    summary: 'How the server, its store and its upstreams do',
    description: 'Answered from memory: nothing is contacted.',
    parameters: {},
    query: {},
    answer: status,
    example: exampleStatus,
    otherStatuses: [],
    revalidated: false,
    run: ({ operator, draining }) => {
      const found = operator.status();
      return { ...found, ready: found.ready && !draining() };
    },
  }),
  operation({
    id: 'getUpstream',
    method: 'get',
    path: '/api/v1/upstreams/{upstream}',
    summary: 'How one upstream does',
    description: 'With the versions that failed or were rewritten, and the names it lists and may not provide.',
    parameters: { upstream },
    query: {},
    answer: upstreamDetails,
    example: { ...exampleUpstream, failedVersions: [], rewrittenVersions: [], contestedNames: [] },
    otherStatuses: [404],
    revalidated: false,
    run: ({ operator }, { path }) => operator.upstream(path.upstream),
  }),
  operation({
    id: 'syncUpstream',
    method: 'post',
    path: '/api/v1/upstreams/{upstream}/sync',
    summary: 'List an upstream now',
    description:
      'Answers with what changed once the new listing is served; archives are fetched afterwards. Goes ahead of any ' +
      'backoff. Only one runs at a time, and whoever asks meanwhile gets the same answer.',
    parameters: { upstream },
    query: {
      accept: z
        .enum(['shrink'], 'The only value there is is accept=shrink.')
        .optional()
        .meta({ description: '`shrink` lets a listing that lost too much through once.' }),
    },
    answer: syncReport,
    example: exampleReport,
    otherStatuses: whatAnUpstreamDoes,
    revalidated: false,
    run: ({ operator }, { path, query }) => operator.sync(path.upstream, { acceptShrink: query.accept !== undefined }),
  }),
  operation({
    id: 'acceptVersion',
    method: 'post',
    path: '/api/v1/upstreams/{upstream}/charts/{chart}/{version}/accept',
    summary: 'Take the new bytes of a rewritten version',
    description: 'Fetches what the upstream promises now, and serves it in place of the first bytes.',
    parameters: { upstream, chart: chartName, version: chartVersion },
    query: {},
    answer: acceptedVersion,
    example: {
      chart: 'podinfo',
      version: '6.7.1',
      archive: { mediaType: 'application/gzip', digest: exampleDigest, size: 14_218 },
      heldAt: '2026-11-21T10:02:00Z',
    },
    otherStatuses: whatAnUpstreamDoes,
    revalidated: false,
    run: async ({ operator }, { path }) => {
      const { archive, heldAt } = await operator.accept(path);
      return { chart: path.chart, version: path.version, archive, heldAt };
    },
  }),
];
