/**
 * Private registries of Amazon ECR, in all partitions and address forms (https://github.com/awslabs/amazon-ecr-credential-helper).
 * Anchored, as all of these are: a host that only looks like one must not receive an identity.
 */
const amazonEcr =
  /^\d{12}\.dkr[.-]ecr(?:-fips)?\.[a-z0-9-]+\.(?:amazonaws\.(?:com(?:\.cn)?|eu)|on\.(?:aws|amazonwebservices\.(?:com\.cn|eu))|c2s\.ic\.gov|sc2s\.sgov\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov)$/;
const amazonEcrPublic = /^public\.ecr\.aws$/;
const artifactRegistry = /^[a-z0-9-]+-docker\.pkg\.dev$/;
const googleContainerRegistry = /^(?:[a-z0-9-]+\.)?gcr\.io$/;
const azureContainerRegistry = /^(?:[a-z0-9-]+\.)+azurecr\.(?:io|cn|us)$/;

/** Whether Amazon runs the registry at this host, so that an identity of AWS opens it. */
export function isAmazonRegistry(host: string): boolean {
  return amazonEcr.test(host) || amazonEcrPublic.test(host);
}

/** Whether Google runs the registry at this host, so that an identity of Google Cloud opens it. */
export function isGoogleRegistry(host: string): boolean {
  return artifactRegistry.test(host) || googleContainerRegistry.test(host);
}

/** Whether Azure runs the registry at this host, so that an identity of Azure opens it. */
export function isAzureRegistry(host: string): boolean {
  return azureContainerRegistry.test(host);
}

/** Whether a host is a registry and nothing else. */
export function isOnlyRegistry(host: string): boolean {
  const clouds = isAmazonRegistry(host) || isGoogleRegistry(host) || isAzureRegistry(host);
  return clouds || /^(?:ghcr\.io|(?:[a-z0-9-]+\.)*docker\.io)$/.test(host);
}
