import { z } from 'zod';

import { choice, file, flag, hostAndPort, origin, secret, text } from './leaf.ts';
import { optionNotes } from './options.ts';

const proxyPattern =
  /^https?:\/\/(?:[^\s/?#@]*@)?(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?:[1-5]?\d{1,4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5]))?\/?$/;

/** Whether a text is the address of a proxy: `http(s)://[user:password@]host[:port]`. */
export function isProxyAddress(text: string): boolean {
  return proxyPattern.test(text) && URL.canParse(text);
}

const provider = choice(['aws', 'gcp', 'azure'], {
  description:
    'The identity that a cloud gives its machines and pods, or one of its own keys: aws for ECR, ECR public and S3; gcp for Artifact Registry, gcr.io and Cloud Storage; azure for Container Registry.',
  example: 'aws',
});

const headers = z
  .record(
    z.string(),
    secret({ description: 'The value, as it is sent.', allowed: 'the value of a header, a text that is not empty' }),
  )
  .register(optionNotes, {
    description: 'Headers of our own, for servers that want something else. They go where credentials go.',
    allowed: 'a mapping of header names to values',
    example: { 'X-JFrog-Art-Api': '${ARTIFACTORY_KEY}' },
  });

/** One mapping for all shapes, so that what is written is read and explained option by option; `auth.ts` knows the shapes. */
export const authSchema = z
  .strictObject({
    username: secret(
      {
        description: 'The user name. Also _json_key, oauth2accesstoken, AWS and the like, where a registry has such.',
        allowed: 'a text without ":"',
        example: '${PODINFO_USER}',
      },
      /^[^:]+$/,
    ).optional(),
    password: secret({
      description: 'The password or token that goes with it.',
      example: '${file:/run/secrets/podinfo}',
    }).optional(),
    token: secret({
      description: 'Sent as "Authorization: Bearer" as it is: access and identity tokens.',
      example: '${GITHUB_TOKEN}',
    }).optional(),
    headers: headers.optional(),
    dockerConfig: file({
      description:
        "Docker's file of registry credentials, with its rules for matching hosts and paths; a pull secret of Kubernetes is one. Read anew when it is needed.",
      example: '/run/secrets/.dockerconfigjson',
    }).optional(),
    allowHelpers: flag({
      description: 'With dockerConfig: run the credential helpers that the file names.',
      absent: 'false',
      example: true,
    }).optional(),
    provider: provider.optional(),
    region: text(
      {
        description: 'With provider: aws, the region.',
        allowed: 'a region such as eu-central-1',
        absent: "that of the registry's host, else of the environment",
        example: 'eu-central-1',
      },
      /^[A-Za-z0-9-]{1,63}$/,
    ).optional(),
    roleArn: text(
      {
        description: 'With provider: aws, a role to assume: for a registry or bucket of another account.',
        allowed: 'the ARN of a role, such as arn:aws:iam::111122223333:role/charts',
        example: 'arn:aws:iam::111122223333:role/charts',
      },
      /^arn:[a-z0-9-]+:iam::\d{12}:role\/[\w+=,.@/-]{1,512}$/,
    ).optional(),
    accessKeyId: secret({
      description:
        "With provider: aws, an access key. Leave it and secretAccessKey out for the environment's identity.",
      absent: "the environment's identity",
      example: '${AWS_KEY_ID}',
    }).optional(),
    secretAccessKey: secret({
      description: 'The secret that goes with accessKeyId.',
      absent: "the environment's identity",
      example: '${file:/run/secrets/aws}',
    }).optional(),
    keyFile: file({
      description:
        "With provider: gcp, a key or a configuration of workload identity federation, JSON. Leave it out for the environment's identity.",
      absent: "the environment's identity",
      example: '/run/secrets/reader.json',
    }).optional(),
    tenantId: text({
      description: 'With provider: azure, the tenant.',
      absent: "the environment's",
      example: '${AZURE_TENANT}',
    }).optional(),
    clientId: text({
      description:
        'With provider: azure, the application; without clientSecret it chooses one of several managed identities.',
      absent: "the environment's identity",
      example: '${AZURE_CLIENT}',
    }).optional(),
    clientSecret: secret({
      description: 'With provider: azure, tenantId and clientId: the secret of the application.',
      absent: "the environment's identity",
      example: '${AZURE_SECRET}',
    }).optional(),
  })
  .register(optionNotes, {
    description:
      'Credentials in one of the forms described under "Credentials" below. Sent to the origin of the url, to those in passCredentials, to the places a registry is known to issue tokens at, and nowhere else.',
    allowed: 'a mapping with username and password, token, headers, dockerConfig or provider',
    absent: 'anonymous',
    example: { username: '${PODINFO_USER}', password: '${file:/run/secrets/podinfo}' },
    json: { minProperties: 1 },
  });

/** What `auth` says. */
export type AuthOptions = z.output<typeof authSchema>;

const tls = z
  .strictObject({
    caFile: file({
      description: 'Certificates of authorities that are trusted besides those of the system, PEM.',
      absent: 'those of the system, and of NODE_EXTRA_CA_CERTS',
      example: 'ca.pem',
    }).optional(),
    certFile: file({
      description: 'Our own certificate, PEM, for servers that want one. Shown where credentials go.',
      absent: 'none',
      example: 'client.pem',
    }).optional(),
    keyFile: file({ description: 'Its private key, PEM.', absent: 'none', example: 'client.key' }).optional(),
    insecureSkipTLSVerify: flag({
      description: 'Accept any certificate, so that anybody on the way can read and change everything. For a test.',
      absent: 'false',
      example: true,
    }).optional(),
  })
  .register(optionNotes, {
    description: 'Certificates. The files are read again when they change.',
    allowed: 'a mapping with caFile, certFile and keyFile, or insecureSkipTLSVerify',
    absent: 'the authorities of the system',
    example: { caFile: 'ca.pem' },
  });

/** How an upstream is reached, and which credentials go where. */
export const accessOptions = {
  auth: authSchema.optional(),
  tls: tls.optional(),
  plainHTTP: flag({
    description:
      'Speak to registries without TLS: this one, or those that an index of this upstream names with oci://. For registries on a trusted network.',
    default: false,
    example: true,
  }).optional(),
  archiveHosts: z
    .array(hostAndPort({ description: 'A host, at the standard ports or at one.' }))
    .register(optionNotes, {
      description:
        'Further hosts that an index or a redirect may lead to although their addresses are private; without a port only at the standard ones. They receive no credentials.',
      allowed: 'a list of host or host:port',
      absent: 'none',
      example: ['objects.corp:9000'],
    })
    .optional(),
  passCredentials: z
    .array(origin({ description: 'An origin.', allowed: 'an origin such as https://objects.corp:9000, without path' }))
    .register(optionNotes, {
      description:
        "Origins besides the upstream's own that receive the credentials and the client certificate, and may have private addresses. Not for a bucket: who we are is for it alone.",
      allowed: 'a list of origins, such as https://objects.corp:9000',
      absent: 'none',
      example: ['https://objects.corp:9000'],
    })
    .optional(),
  allowPrivateNetwork: flag({
    description:
      'Whether redirects and an index may lead to any private address. Better name the hosts in archiveHosts: who can write the index could otherwise reach everything that we can.',
    default: false,
    example: true,
  }).optional(),
  proxy: secret({
    description: 'The way out, for everything of this upstream; user name and password may stand in it.',
    allowed:
      'the url of a proxy: http://host:port or https://host:port, other than letters and digits in a password percent-encoded ("/" as %2F)',
    absent: 'HTTP_PROXY, HTTPS_PROXY and NO_PROXY of the environment, but never for this machine itself',
    example: 'http://proxy.corp:3128',
    json: { type: 'string', pattern: proxyPattern.source, format: 'uri' },
  }).optional(),
};

/** A server of buckets that is not Amazon's or Google's. */
export const endpointOption = origin({
  description: 'With a bucket: its server, where that is not the one of Amazon or Google.',
  absent: 'that of Amazon or Google',
  example: 'https://minio.corp:9000',
});
