import { readIndexUnlessEqual, type PieceMemory } from '../../src/formats/index.ts';
import { readAll } from '../../src/lib/bytes.ts';
import { Secret } from '../../src/lib/secret.ts';
import { chartRepository, type ChartRepositoryOptions } from '../../src/upstream/chart-repository.ts';
import type { Listing, Part, Upstream } from '../../src/upstream/contract.ts';
import { passwordLogin } from '../../src/upstream/credentials/login.ts';
import { anonymous, preemptiveAuthorization } from '../../src/upstream/credentials/preemptive.ts';
import { httpClientOf, never, type HttpClientSettings } from './http.ts';

interface RepositoryUpstreamOptions extends Partial<Pick<ChartRepositoryOptions, 'openOci' | 'maxIndexBytes'>> {
  /** The upstream's name; `fixture` when absent. */
  readonly name?: string;
  readonly credential?: { readonly username: string; readonly password: string };
  /** What its client is to have besides, or instead. */
  readonly access?: HttpClientSettings;
}

const noRegistry = async (url: string): Promise<never> => {
  throw new Error(`nobody opens ${url} here`);
};

/** A chart repository on loopback as an upstream, its index read without a thread. Closed with the test. */
export function repositoryUpstream(url: string, options: RepositoryUpstreamOptions = {}): Upstream {
  const { name = 'fixture', credential, openOci = noRegistry, maxIndexBytes = 1e6, access } = options;
  const login = credential && passwordLogin(name, Secret.of(credential.username), Secret.of(credential.password));
  const authorization = login ? preemptiveAuthorization({ upstream: name, login }) : anonymous;
  // indexes lead to other ports of loopback
  const reach = { allowPrivateNetwork: true };
  const memory: PieceMemory = new Map();
  return chartRepository({
    name,
    url: new URL(url),
    http: httpClientOf(url, { upstream: name, authorization, reach, ...access }),
    readIndex: async (question, body) =>
      readIndexUnlessEqual({ ...question, body: await readAll(body, question.maxBytes) }, memory),
    openOci,
    maxIndexBytes,
  });
}

/** A listing that must be one. */
export async function listed(upstream: Upstream, validator?: Listing['validator']): Promise<Listing> {
  const listing = await upstream.list(validator, never);
  if ('unchanged' in listing) throw new Error('unchanged');
  return listing;
}

/** What was asked of a registry on behalf of an index. */
export type OciRequest = readonly [url: string, part: Part];
