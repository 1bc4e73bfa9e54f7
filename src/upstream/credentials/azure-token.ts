import { Agent } from 'node:http';
import type { Agent as TlsAgent } from 'node:https';

import type { TokenCredential } from '@azure/identity';

import type { Secret } from '../../lib/secret.ts';
import type { ProxySettings } from '../http/proxy.ts';
import { openWayOut } from './cloud-calls.ts';
import { revealed } from './login.ts';

/** Who we are to Azure. */
export interface AzureSettings {
  readonly tenantId?: string | undefined;
  /** Without a secret: which of the ambient identities. */
  readonly clientId?: string | undefined;
  readonly clientSecret?: Secret | undefined;
}

/** A token's question. */
export interface AzureTokenOptions {
  readonly upstream: string;
  readonly auth: AzureSettings;
  readonly proxy: ProxySettings;
}

/** What an SDK's credential is made of. */
interface Ways {
  /** To the places that speak TLS. */
  readonly agent: TlsAgent;
  readonly retryOptions: { readonly maxRetries: number };
}

/**
 * An access token of Entra ID for a scope: of the application whose secret is configured, else of the environment's
 * identity (AZURE_* variables, workload identity, managed identity), as the official SDK finds it; no developer's tools
 * are run. Asked for anew each time. Rejects with what the SDK throws, or a `Fault`.
 */
export async function azureToken(
  options: AzureTokenOptions,
  authorityHost: string,
  scope: string,
  signal: AbortSignal,
): Promise<string> {
  const { upstream, auth, proxy } = options;
  const ways: Ways = { agent: await openWayOut(upstream, proxy, signal), retryOptions: { maxRetries: 2 } };
  const credential = auth.clientSecret
    ? await configured(options, auth.clientSecret, { ...ways, authorityHost })
    : await ambient(auth, ways);
  const found = await credential.getToken(scope);
  if (!found) throw new TypeError('an answer without a token');
  return found.token;
}

async function configured(
  { upstream, auth }: AzureTokenOptions,
  clientSecret: Secret,
  ways: Ways & { readonly authorityHost: string },
): Promise<TokenCredential> {
  const { ClientSecretCredential } = await import('@azure/identity');
  return new ClientSecretCredential(
    auth.tenantId ?? '',
    auth.clientId ?? '',
    await revealed(upstream, clientSecret),
    ways,
  );
}

/** Those that a server has of DefaultAzureCredential, which would try the tools of developers besides. */
async function ambient({ tenantId, clientId }: AzureSettings, ways: Ways): Promise<TokenCredential> {
  const sdk = await import('@azure/identity');
  const which = clientId === undefined ? {} : { clientId };
  const where = tenantId === undefined ? {} : { tenantId };
  return new sdk.ChainedTokenCredential(
    new sdk.EnvironmentCredential(ways),
    later(() => new sdk.WorkloadIdentityCredential({ ...ways, ...which, ...where })),
    // the service that gives managed identities is never asked through a proxy
    later(() => new sdk.ManagedIdentityCredential({ ...ways, ...which, agent: new Agent() })),
  );
}

/** Some refuse to be made where the environment has nothing for them. */
function later(make: () => TokenCredential): TokenCredential {
  return { getToken: async (...question) => await make().getToken(...question) };
}
