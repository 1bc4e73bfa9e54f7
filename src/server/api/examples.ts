import type { Explanation } from '../../mirror/contract/explain.ts';
import type { ChartSummary, RepositoryInfo, VersionSummary } from '../../mirror/contract/library.ts';
import type { Status, SyncReport, UpstreamStatus } from '../../mirror/contract/operator.ts';
import type { VersionAnswer } from './schemas/charts.ts';

/** What the OpenAPI description shows as answers. */
export const exampleDigest = 'sha256:3d1dd0b1e3f9c5a2c4cba3f2b0a4f0a57bb0a2b2e1f8d9d3c2f6a7b8c9d0e1f2';

const fault = {
  code: 'upstream-unreachable',
  message: 'podinfo: no answer from podinfo.corp:443 within 5 s (connection timed out).',
  advice: 'Check the address, the firewall and the proxy setting.',
} as const;

export const exampleUpstream: UpstreamStatus = {
  name: 'podinfo',
  type: 'chart-repository',
  url: 'https://podinfo.corp/charts',
  state: 'failing',
  schedule: 'timed',
  lastAttempt: '2026-11-21T10:02:00Z',
  lastSuccess: '2026-11-21T09:58:00Z',
  nextAttempt: '2026-11-21T10:03:10Z',
  counts: {
    charts: 1,
    versions: 108,
    held: 108,
    withdrawn: 2,
    rewritten: 0,
    contested: 0,
    rejectedRows: 1,
    bytes: 1_503_211,
  },
  provenance: { mode: 'require', valid: 106, missing: 1, invalid: 1, unjudged: 0 },
  rejected: { 'bad-version': 1 },
  fault,
};

export const exampleStatus: Status = {
  version: '0.1.0',
  uptimeSeconds: 86_400,
  ready: true,
  configuration: { file: '/etc/chartroom/chartroom.yaml', loadedAt: '2026-11-20T10:02:00Z', state: 'ok' },
  store: { kind: 's3', state: 'ok' },
  upstreams: [exampleUpstream],
};

export const exampleReport: SyncReport = {
  upstream: 'podinfo',
  unchanged: false,
  charts: 1,
  versions: 109,
  added: 1,
  withdrawn: 0,
  rewritten: 0,
  changed: 0,
  rejected: { 'bad-version': 1 },
  durationMs: 312,
};

export const exampleRepository: RepositoryInfo = {
  name: 'stable',
  root: true,
  upstreams: ['internal', 'podinfo'],
  charts: 14,
  versions: 211,
  etag: '8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4',
};

export const exampleChart: ChartSummary = {
  name: 'podinfo',
  version: '6.7.1',
  appVersion: '6.7.1',
  description: 'Podinfo Helm chart for Kubernetes',
  keywords: ['demo'],
  maintainers: [{ name: 'stefanprodan' }],
  home: 'https://github.com/stefanprodan/podinfo',
  deprecated: false,
  updated: '2026-09-24T09:40:12Z',
  versions: 108,
  upstream: 'podinfo',
};

export const exampleVersion: VersionSummary = {
  version: '6.7.1',
  appVersion: '6.7.1',
  created: '2026-09-24T09:40:12Z',
  deprecated: false,
  withdrawn: false,
  digest: exampleDigest,
  upstream: 'podinfo',
};

export const exampleDetails: VersionAnswer = {
  ...exampleVersion,
  repository: 'stable',
  chart: 'podinfo',
  metadata: { apiVersion: 'v1', name: 'podinfo', version: '6.7.1', appVersion: '6.7.1' },
  firstSeen: '2026-09-24T09:41:00Z',
  size: 14_218,
  addresses: {
    http: 'https://charts.corp/charts/podinfo/podinfo-6.7.1.tgz',
    oci: 'oci://charts.corp/podinfo:6.7.1',
  },
  dependencies: [
    {
      name: 'redis',
      version: '^20.0.0',
      repository: 'https://charts.bitnami.com/bitnami',
      condition: 'redis.enabled',
      available: {
        version: '20.1.0',
        upstream: 'internal',
        addresses: {
          http: 'https://charts.corp/charts/redis/redis-20.1.0.tgz',
          oci: 'oci://charts.corp/redis:20.1.0',
        },
      },
    },
  ],
  provenance: {
    result: 'valid',
    mode: 'require',
    signer: 'Stefan Prodan <stefan@podinfo.corp>',
    key: '9ACA25C82E7F8C0DA8A5D9D7D5C9E4B6A3F2E1D0',
    available: true,
  },
  documents: { readme: '# Podinfo\n', values: 'replicaCount: 1\n', tooLarge: [] },
};

export const exampleExplanation: Explanation = {
  chart: 'podinfo',
  version: '6.7.1',
  upstreams: [
    {
      upstream: 'podinfo',
      everListed: true,
      lists: true,
      versions: 1,
      since: '2026-09-24T09:41:00Z',
      withdrawn: false,
      claimed: [exampleDigest],
      rewritten: false,
      held: {
        digest: exampleDigest,
        size: 14_218,
        heldAt: '2026-09-24T09:41:03Z',
        key: 'blobs/sha256/3d/3d1dd0b1e3f9c5a2c4cba3f2b0a4f0a57bb0a2b2e1f8d9d3c2f6a7b8c9d0e1f2',
      },
    },
  ],
  repositories: [
    {
      repository: 'stable',
      outcome: 'denied',
      version: '6.7.1',
      provider: 'podinfo',
      providerReason: 'No other upstream of this repository lists it.',
      reason: 'The entry podinfo@<7.0.0 of deny refuses it.',
      listed: false,
      contestedBy: [],
      answer: { status: 403, text: 'It is denied by the rule podinfo@<7.0.0.' },
    },
  ],
  nearest: [],
};
