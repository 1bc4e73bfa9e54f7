import { Fault } from '../../../src/chart/fault.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { Secret } from '../../../src/lib/secret.ts';
import { awsIdentity } from '../../../src/upstream/credentials/aws.ts';
import { azureToken } from '../../../src/upstream/credentials/azure-token.ts';
import { googleTokens } from '../../../src/upstream/credentials/gcp.ts';

/** What a process of its own is to find in its environment. */
export type ChildTask =
  | { readonly cloud: 'aws'; readonly proxy: string; readonly roleArn?: string }
  | { readonly cloud: 'gcp'; readonly proxy: string; readonly keyFile?: string }
  | { readonly cloud: 'azure'; readonly proxy: string; readonly clientId?: string };

function find({ proxy: url, ...task }: ChildTask): Promise<unknown> {
  const proxy = { https: Secret.of(url), noProxy: '' };
  const common = { upstream: 'here', clock: systemClock, proxy };
  if (task.cloud === 'aws') return awsIdentity({ ...common, auth: task, region: 'eu-central-1' })();
  if (task.cloud === 'gcp') return googleTokens({ ...common, auth: task }).token();
  return azureToken(
    { ...common, auth: task },
    'https://login.microsoftonline.com',
    'https://containerregistry.azure.net/.default',
    new AbortController().signal,
  );
}

const stay = setInterval(() => undefined, 1000);
try {
  console.log(JSON.stringify({ found: await find(JSON.parse(process.argv[2] ?? '') as ChildTask) }));
} catch (error) {
  if (!(error instanceof Fault)) throw error;
  console.log(JSON.stringify({ fault: { code: error.code, message: error.message, advice: error.advice } }));
}
clearInterval(stay);
