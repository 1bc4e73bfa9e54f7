import { describe, expect, test } from 'vitest';

import { isAmazonRegistry, isAzureRegistry, isGoogleRegistry } from '../../src/config/known-hosts.ts';
import { ecrPlaceOf } from '../../src/upstream/credentials/aws-ecr-host.ts';
import { azureCloudOf } from '../../src/upstream/credentials/azure-cloud.ts';
import { googleLogin } from '../../src/upstream/credentials/gcp.ts';

const hosts: readonly (readonly [host: string, cloud: 'Amazon' | 'Google' | 'Azure' | undefined])[] = [
  ['123456789012.dkr.ecr.eu-central-1.amazonaws.com', 'Amazon'],
  ['123456789012.dkr.ecr-fips.us-east-1.amazonaws.com', 'Amazon'],
  ['123456789012.dkr-ecr.us-east-1.on.aws', 'Amazon'],
  ['123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn', 'Amazon'],
  ['123456789012.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn', 'Amazon'],
  ['123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu', 'Amazon'],
  ['123456789012.dkr-ecr.eusc-de-east-1.on.amazonwebservices.eu', 'Amazon'],
  ['123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov', 'Amazon'],
  ['123456789012.dkr.ecr.us-isob-east-1.sc2s.sgov.gov', 'Amazon'],
  ['123456789012.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk', 'Amazon'],
  ['123456789012.dkr.ecr.us-isof-south-1.csp.hci.ic.gov', 'Amazon'],
  ['public.ecr.aws', 'Amazon'],
  ['12345678901.dkr.ecr.eu-central-1.amazonaws.com', undefined],
  ['123456789012.dkr.ecr.eu-central-1.amazonaws.com.evil.example', undefined],
  ['123456789012.dkr.ecr.a.b.amazonaws.com', undefined],
  ['evil.public.ecr.aws', undefined],
  ['europe-west1-docker.pkg.dev', 'Google'],
  ['gcr.io', 'Google'],
  ['eu.gcr.io', 'Google'],
  ['a.eu.gcr.io', undefined],
  ['evilgcr.io', undefined],
  ['a.europe-docker.pkg.dev', undefined],
  ['docker.pkg.dev', undefined],
  ['contoso.azurecr.io', 'Azure'],
  ['contoso-a1b2.eastus.data.azurecr.io', 'Azure'],
  ['contoso.azurecr.cn', 'Azure'],
  ['contoso.azurecr.us', 'Azure'],
  ['azurecr.io', undefined],
  ['contoso.azurecr.io.evil.example', undefined],
  ['contoso.azurecr.io.', undefined],
];

describe('a host that the configuration takes for that of a cloud', () => {
  test.each(hosts)('is the one that is told who we are: %s, of %s', async (host, cloud) => {
    const taken = { Amazon: isAmazonRegistry(host), Google: isGoogleRegistry(host), Azure: isAzureRegistry(host) };
    expect(taken).toEqual({ Amazon: cloud === 'Amazon', Google: cloud === 'Google', Azure: cloud === 'Azure' });
    expect(await told(new URL(`https://${host}`))).toEqual(taken);
  });
});

async function told(registry: URL): Promise<Record<string, boolean>> {
  const tokens = { description: '', token: async () => 'x' };
  const isTold = (work: Promise<unknown>): Promise<boolean> =>
    work.then(
      () => true,
      () => false,
    );
  return {
    Amazon: ecrPlaceOf(registry.host) !== undefined,
    Google: await isTold(googleLogin(tokens, 'a', registry).login()),
    Azure: await isTold((async () => azureCloudOf('a', registry))()),
  };
}
