import { z } from 'zod';

import { address, choice, duration, flag, leaf, origin, sameOrAddress, secret, text } from './leaf.ts';
import { optionNotes } from './options.ts';
import { publicUrlOption } from './public-url.ts';
import { repositoriesSchema } from './repository-schema.ts';
import { defaultsSchema, upstreamsSchema } from './upstream-schema.ts';

/** Where the front doors are when nobody says otherwise. */
export const defaultListen = '127.0.0.1:8080';

const hour = 3_600_000;

const tls = z
  .strictObject({
    certFile: text({ description: 'The certificate with its chain, PEM.', allowed: 'a path', example: 'tls.crt' }),
    keyFile: text({ description: 'Its private key, PEM.', allowed: 'a path', example: 'tls.key' }),
  })
  .register(optionNotes, {
    description: 'Serve HTTPS with this certificate. Leave it out behind a proxy that ends TLS.',
    allowed: 'a mapping with certFile and keyFile',
    absent: 'plain HTTP',
  });

const server = z
  .strictObject({
    listen: address({
      description: 'Address and port of the front doors; port 0 takes any free one.',
      default: defaultListen,
      absent: 'the environment variable CHARTROOM_LISTEN, else 127.0.0.1:8080',
      example: '0.0.0.0:8080',
    }).prefault(defaultListen),
    operations: sameOrAddress({
      description: 'Where /metrics, /livez, /readyz and /api answer: with the front doors, or apart from them.',
      default: 'same',
      example: '127.0.0.1:9090',
    }).prefault('same'),
    adminToken: secret({
      description: 'Bearer token for everything that changes something, such as a sync by hand.',
      absent: 'such requests answer 403',
      example: '${CHARTROOM_ADMIN_TOKEN}',
    }).optional(),
    publicUrl: publicUrlOption.optional(),
    tls: tls.optional(),
    coldWait: duration(
      1,
      hour,
      {
        description:
          'How long a request waits for an archive that must be fetched first; the fetch goes on without it.',
        default: '25s',
        example: '60s',
      },
      true,
    ).prefault('25s'),
    shutdownGrace: duration(
      1,
      hour,
      {
        description:
          'How long stopping may take: requests under way finish, and what was fetched is recorded. Keep it below what the platform allows.',
        default: '30s',
        example: '10s',
      },
      true,
    ).prefault('30s'),
  })
  .register(optionNotes, { description: 'The front doors.', allowed: 'a mapping of server options' });

const filesystem = z
  .strictObject({
    path: text({
      description:
        'The folder that keeps everything; it is made when missing. Put it on a volume that lasts. Where the file has no store at all, CHARTROOM_DATA in the environment names the folder.',
      allowed: 'a path',
      default: './data',
      example: '/var/lib/chartroom',
    }).prefault('./data'),
  })
  .register(optionNotes, { description: 'Keep the charts in a folder.', allowed: 'a mapping with path' });

const s3 = z
  .strictObject({
    endpoint: origin({
      description: 'Address of the S3 server.',
      absent: 'AWS',
      example: 'https://minio.corp:9000',
    }).optional(),
    region: text(
      {
        description: 'Region of the bucket.',
        allowed: 'a region such as eu-central-1',
        default: 'us-east-1',
        example: 'eu-central-1',
      },
      /^[A-Za-z0-9-]{1,63}$/,
    ).prefault('us-east-1'),
    bucket: text(
      {
        description: 'The bucket that keeps everything. Several servers may share it.',
        allowed: 'a bucket name: 3 to 63 lower case letters, digits, "." and "-"',
        example: 'charts',
      },
      /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/,
    ),
    prefix: leaf<string>(
      { read: readPrefix },
      {
        description: 'What the keys begin with, so that a bucket can be shared with other programs.',
        allowed: 'a path without "/" at its start, such as chartroom/',
        absent: 'the top of the bucket',
        example: 'chartroom/',
        json: { type: 'string' },
      },
    ).optional(),
    accessKeyId: text({
      description:
        'Access key. Leave it and secretAccessKey out for the identity of the environment (IRSA, instance role, profile).',
      absent: "the environment's identity",
      example: '${S3_ACCESS_KEY_ID}',
    }).optional(),
    secretAccessKey: secret({
      description: 'The secret that goes with accessKeyId.',
      absent: "the environment's identity",
      example: '${file:/run/secrets/s3}',
    }).optional(),
    pathStyle: flag({
      description: 'Name the bucket in the path rather than in the host name. Most servers other than AWS need it.',
      default: true,
      example: false,
    }).prefault(true),
    createBucket: flag({
      description: 'Make the bucket at start when it is missing.',
      default: false,
      example: true,
    }).prefault(false),
  })
  .register(optionNotes, {
    description: 'Keep the charts in a bucket of an S3 server.',
    allowed: 'a mapping with at least bucket',
  });

function readPrefix(written: unknown): string | undefined {
  if (typeof written !== 'string' || !/^[A-Za-z0-9][A-Za-z0-9._/-]{0,255}$/.test(written)) return undefined;
  if (
    written
      .replace(/\/$/, '')
      .split('/')
      .some((part) => /^\.{0,2}$/.test(part))
  )
    return undefined;
  return written.endsWith('/') ? written : `${written}/`;
}

const store = z.strictObject({ filesystem: filesystem.optional(), s3: s3.optional() }).register(optionNotes, {
  description: 'Where everything is kept: in a folder or in a bucket, one of the two.',
  allowed: 'a mapping with either filesystem or s3',
  absent: 'filesystem',
  json: { minProperties: 1, maxProperties: 1 },
});

const log = z
  .strictObject({
    level: choice(['debug', 'info', 'warn', 'error'], {
      description: 'The least important lines that are written.',
      default: 'info',
      example: 'debug',
    }).prefault('info'),
    format: choice(['json', 'pretty'], {
      description: 'json for machines, pretty for people.',
      absent: 'pretty on a terminal, else json',
      example: 'json',
    }).optional(),
  })
  .register(optionNotes, { description: 'The log, on standard output.', allowed: 'a mapping with level and format' });

/** The configuration file: every option that works in this version, and no other. */
export const fileSchema = z
  .strictObject({
    server: server.prefault({}),
    store: store.optional(),
    defaults: defaultsSchema.prefault({}),
    upstreams: upstreamsSchema,
    repositories: repositoriesSchema.optional(),
    log: log.prefault({}),
  })
  .register(optionNotes, {
    description: 'The configuration of Chartroom.',
    allowed: 'a mapping with at least upstreams',
  });

/** What a valid file says, its own defaults applied, those of the upstreams not yet. */
export type FileOptions = z.output<typeof fileSchema>;

/** What an upstream says in a valid file. */
export type UpstreamOptions = FileOptions['defaults'];
