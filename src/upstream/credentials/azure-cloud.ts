import { Fault } from '../../chart/fault.ts';

/** The places of one of Azure's clouds. */
export interface AzureCloud {
  /** Who is asked for tokens, where the configuration has the secret. */
  readonly authorityHost: string;
  /** What a token for a registry may be for: the registries themselves, in older setups the resource manager. */
  readonly scopes: readonly [string, string];
}

const ofRegistries = 'https://containerregistry.azure.net/.default';

const clouds: Readonly<Record<string, AzureCloud>> = {
  io: {
    authorityHost: 'https://login.microsoftonline.com',
    scopes: [ofRegistries, 'https://management.azure.com/.default'],
  },
  cn: {
    authorityHost: 'https://login.chinacloudapi.cn',
    scopes: [ofRegistries, 'https://management.chinacloudapi.cn/.default'],
  },
  us: {
    authorityHost: 'https://login.microsoftonline.us',
    scopes: [ofRegistries, 'https://management.usgovcloudapi.net/.default'],
  },
};

/** The cloud that a registry is in. Faults with 'unauthorized' for a host that is none of Azure's: it is told nothing. */
export function azureCloudOf(upstream: string, { host }: URL): AzureCloud {
  const cloud =
    clouds[/^[a-z0-9-]+(?:\.[a-z0-9-]+)*\.azurecr\.(?<cloud>io|cn|us)$/.exec(host)?.groups?.['cloud'] ?? ''];
  if (cloud) return cloud;
  const message = `${upstream}: ${host} is no registry of Azure, so it is not told who we are to Azure.`;
  throw new Fault('unauthorized', message, 'Check the url, or set username and password instead of provider.');
}
