import type { Digest } from '../../src/chart/digest.ts';
import type { TestRepository, TestUpstream } from '../support/engine.ts';
import type { FakeUpstream } from '../support/fake-upstream.ts';

/** What the hidden version is, once it is made. */
export interface Made {
  readonly archive: Digest;
  readonly manifest: Digest;
  readonly config: Digest;
}

/** Where a version stands when it is asked for. */
export type Whereabouts = 'in memory' | 'in the store' | 'cold' | 'found by name';

/** One way to hide version 1.0.0 of `demo` at the upstream `outside`. */
export interface Hiding {
  readonly name: string;
  readonly status: 403 | 404;
  /** What whoever asks for its archive is told. */
  readonly says: RegExp;
  readonly version?: string;
  /** Further fields of its Chart.yaml. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly rules?: (made: Made) => TestRepository;
  readonly settings?: Partial<Exclude<TestUpstream, FakeUpstream>>;
  /** Name and text are enough: nobody is asked. */
  readonly isSilent?: boolean;
  readonly except?: readonly (Whereabouts | 'chart-repository' | 'registry')[];
  /** `outside` lists it no longer. */
  readonly isWithdrawn?: boolean;
  /** `inside` lists the name already. */
  readonly isInside?: boolean;
}

const denied = (rest: { chart?: string; range?: string; digest?: Digest }): TestRepository => ({
  deny: [{ text: 'this rule', chart: 'demo', ...rest }],
});

/** Every rule that hides versions. */
export const hidings: readonly Hiding[] = [
  {
    name: 'deny, by name',
    status: 403,
    says: /is denied in all by the rule this rule/,
    rules: () => denied({}),
    isSilent: true,
  },
  {
    name: 'deny, by name in another case',
    status: 403,
    says: /is denied in all by the rule this rule/,
    rules: () => denied({ chart: 'DEMO' }),
    isSilent: true,
  },
  {
    name: 'deny, by glob',
    status: 403,
    says: /is denied in all by the rule this rule/,
    rules: () => denied({ chart: 'd*' }),
    isSilent: true,
  },
  {
    name: 'deny, by range',
    status: 403,
    says: /is denied in all by the rule this rule/,
    rules: () => denied({ range: '<2' }),
    isSilent: true,
  },
  {
    name: 'deny, by range, of a prerelease',
    version: '1.9.0-rc.1',
    status: 403,
    says: /is denied in all by the rule this rule/,
    rules: () => denied({ range: '<2' }),
    isSilent: true,
  },
  {
    name: 'deny, by digest',
    status: 403,
    says: /is denied in all by the rule this rule/,
    rules: ({ archive }) => denied({ digest: archive }),
  },
  {
    name: 'deny, by digest of its manifest',
    status: 403,
    says: /is denied in all by the rule this rule/,
    rules: ({ manifest }) => denied({ digest: manifest }),
    except: ['chart-repository'],
  },
  {
    name: 'deny, by digest of its config',
    status: 403,
    says: /is denied in all by the rule this rule/,
    rules: ({ config }) => denied({ digest: config }),
    except: ['chart-repository'],
  },
  {
    name: 'charts',
    status: 404,
    says: /the option charts of the repository leaves this name out/,
    rules: () => ({ charts: ['*', '!demo'] }),
    isSilent: true,
  },
  {
    name: 'versions',
    status: 404,
    says: /the option versions of the repository leaves this version out/,
    rules: () => ({ versions: [['demo', '>=2']] }),
    isSilent: true,
  },
  {
    name: 'prereleases',
    version: '1.0.0-rc.1',
    status: 404,
    says: /the repository offers no prereleases/,
    rules: () => ({ prereleases: false }),
    isSilent: true,
  },
  {
    name: 'deprecated',
    status: 404,
    says: /it is deprecated, and the repository offers nothing that is/,
    metadata: { deprecated: true },
    rules: () => ({ deprecated: false }),
  },
  {
    name: 'cooldown',
    status: 404,
    says: /not been known for long enough .cooldown.: it is offered from 2026-01-0/,
    rules: () => ({ cooldownMs: 72 * 3_600_000 }),
  },
  {
    name: 'charts of its upstream',
    status: 404,
    says: /the option charts of the upstream outside leaves this name out|No upstream has demo 1\.0\.0/,
    settings: { charts: ['other'] },
    isSilent: true,
  },
  {
    name: 'versions of its upstream',
    status: 404,
    says: /the option versions of the upstream outside leaves this version out|No upstream has demo 1\.0\.0/,
    settings: { versions: [['demo', '>=2']] },
    isSilent: true,
  },
  {
    name: 'withdrawn of its upstream',
    status: 404,
    says: /outside does not list it any more .withdrawn: drop./,
    settings: { withdrawn: 'drop' },
    isWithdrawn: true,
    except: ['found by name'],
  },
  {
    name: 'retired of its upstream',
    status: 404,
    says: /outside is retired, and this version was not fetched before|No upstream has/,
    settings: { retired: true },
    isSilent: true,
    except: ['in memory', 'in the store'],
  },
  {
    name: 'owners',
    status: 404,
    says: /inside, which provides demo here, has no version 1\.0\.0/,
    rules: () => ({ owners: [['demo', 'inside']] }),
  },
  {
    name: 'another owner by first sight',
    status: 404,
    says: /inside, which provides demo here, has no version 1.0.0/,
    isInside: true,
  },
  {
    name: 'not in this repository',
    status: 404,
    says: /No upstream (has|of all may provide) demo/,
    rules: () => ({ upstreams: ['inside'] }),
    isSilent: true,
  },
];
