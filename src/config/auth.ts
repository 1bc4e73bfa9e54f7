import type { UpstreamAuth } from './config.ts';
import { isAmazonRegistry, isAzureRegistry, isGoogleRegistry } from './known-hosts.ts';
import { checkPartners, type Partners, writtenIn } from './partners.ts';
import type { OptionPath } from './problem.ts';
import type { OptionTree } from './tree.ts';
import type { Place } from './upstream-url.ts';

/** One of the shapes that `auth` has. */
export type AuthKind = UpstreamAuth['kind'];

interface Shape {
  /** What it is called by, as it is written. */
  readonly name: string;
  /** Any of these makes it this shape; one that is shared does so with the value in `provider`. */
  readonly marks: readonly string[];
  readonly provider?: string;
  /** What may be written beside them. */
  readonly others: readonly string[];
  /** What it is for, in words that follow "for". */
  readonly purpose: string;
  readonly fits: (place: Place) => boolean;
}

const hasIndexOrTags = ({ type }: Place): boolean => type === 'chart-repository' || type === 'registry';
const isBucket = (place: Place, scheme: 's3' | 'gs'): boolean => place.url.startsWith(`${scheme}://`);
const isRegistryAt = ({ type, url }: Place, isKnown: (host: string) => boolean): boolean =>
  type === 'registry' && isKnown(URL.parse(url)?.hostname ?? '');

const shapes: Readonly<Record<AuthKind, Shape>> = {
  password: {
    name: 'username',
    marks: ['username', 'password'],
    others: [],
    purpose: 'chart repositories and registries',
    fits: hasIndexOrTags,
  },
  token: {
    name: 'token',
    marks: ['token'],
    others: [],
    purpose: 'chart repositories, registries and gs:// buckets',
    fits: (place) => hasIndexOrTags(place) || isBucket(place, 'gs'),
  },
  headers: {
    name: 'headers',
    marks: ['headers'],
    others: [],
    purpose: 'chart repositories and registries',
    fits: hasIndexOrTags,
  },
  'docker-config': {
    name: 'dockerConfig',
    marks: ['dockerConfig'],
    others: ['allowHelpers'],
    purpose: 'registries',
    fits: ({ type }) => type === 'registry',
  },
  aws: {
    name: 'provider: aws',
    marks: ['provider'],
    provider: 'aws',
    others: ['region', 'roleArn', 'accessKeyId', 'secretAccessKey'],
    purpose: 'Amazon ECR (<account>.dkr.ecr.<region>.amazonaws.com, public.ecr.aws) and s3:// buckets',
    fits: (place) => isRegistryAt(place, isAmazonRegistry) || isBucket(place, 's3'),
  },
  gcp: {
    name: 'provider: gcp',
    marks: ['provider'],
    provider: 'gcp',
    others: ['keyFile'],
    purpose: 'Artifact Registry (<location>-docker.pkg.dev), gcr.io and gs:// buckets',
    fits: (place) => isRegistryAt(place, isGoogleRegistry) || isBucket(place, 'gs'),
  },
  azure: {
    name: 'provider: azure',
    marks: ['provider'],
    provider: 'azure',
    others: ['tenantId', 'clientId', 'clientSecret'],
    purpose: 'Azure Container Registry (<name>.azurecr.io, .cn, .us)',
    fits: (place) => isRegistryAt(place, isAzureRegistry),
  },
};

const kinds = Object.keys(shapes) as readonly AuthKind[];

const partners: Partners = {
  username: ['password'],
  password: ['username'],
  accessKeyId: ['secretAccessKey'],
  secretAccessKey: ['accessKeyId'],
  clientSecret: ['tenantId', 'clientId'],
};

/** Whether credentials of a shape are for such an upstream. A cloud's identity is for that cloud's own hosts only. */
export function isAuthFor(kind: AuthKind, place: Place): boolean {
  return shapes[kind].fits(place);
}

/** Reports what is wrong with the shape of `auth` at a path: it is exactly one, whole and alone. */
export function checkAuth(tree: OptionTree, path: OptionPath): void {
  if (tree.at(...path) === undefined) return;
  const [kind, ...others] = kindsAt(tree, path);
  if (kind === undefined) {
    if (tree.wasReported(path)) return;
    const expected = 'expected username and password, token, headers, dockerConfig or provider';
    tree.report(path, `it says no credentials; ${expected}, or no auth at all`);
  } else if (others.length > 0) {
    const names = [kind, ...others].map((one) => shapes[one].name);
    const found = `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
    tree.report(path, `found ${found}, each of which is a way of its own to authenticate; expected one of them`);
  } else {
    checkOptions(tree, path, kind);
    checkPartners(tree, path, partners);
    if (kind === 'headers') checkHeaders(tree, [...path, 'headers']);
  }
}

/** Reports credentials that are written for an upstream where they are of no use, or must not go. */
export function checkAuthFits(tree: OptionTree, path: OptionPath, place: Place): void {
  const kind = authKindAt(tree, path);
  if (kind === undefined || place.type === 'folder' || isAuthFor(kind, place)) return;
  const { name, marks, purpose } = shapes[kind];
  const written = writtenIn(tree, path).find((option) => marks.includes(option)) ?? '';
  tree.report([...path, written], `${name} is for ${purpose}; this upstream is ${describePlace(place)}`);
}

/** The shape of `auth` at a path, where it is one. */
export function authKindAt(tree: OptionTree, path: OptionPath): AuthKind | undefined {
  const [kind, ...others] = kindsAt(tree, path);
  return others.length === 0 ? kind : undefined;
}

function kindsAt(tree: OptionTree, path: OptionPath): readonly AuthKind[] {
  const written = writtenIn(tree, path);
  return kinds.filter((kind) => {
    const { marks, provider } = shapes[kind];
    const isMarked = marks.some((mark) => written.includes(mark));
    return isMarked && (provider === undefined || provider === tree.at(...path, 'provider'));
  });
}

function checkOptions(tree: OptionTree, path: OptionPath, kind: AuthKind): void {
  const { name, marks, others } = shapes[kind];
  for (const option of writtenIn(tree, path)) {
    if (marks.includes(option) || others.includes(option)) continue;
    const owner = kinds.find((one) => shapes[one].others.includes(option));
    const belongs = owner ? `it goes with ${shapes[owner].name}, not with ${name}` : `it does not go with ${name}`;
    tree.report([...path, option], `${belongs}; leave it out`);
  }
}

const fieldName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** What frames a message or ends at the next hop is HTTP's own (RFC 9110, sections 5.1 and 7.6.1). */
const ownOfHttp =
  /^(?:host|content-length|transfer-encoding|connection|keep-alive|te|trailer|upgrade|expect|proxy-.*)$/;

function checkHeaders(tree: OptionTree, path: OptionPath): void {
  const names = writtenIn(tree, path);
  if (names.length === 0 && !tree.wasReported(path)) {
    tree.report(path, 'it holds no header; expected a mapping of header names to values');
  }
  for (const [at, name] of names.entries()) {
    const lower = name.toLowerCase();
    const place = [...path, name];
    if (!fieldName.test(name) || name === '__proto__')
      tree.report(place, 'this is no name of a header; expected letters, digits and "-"');
    if (ownOfHttp.test(lower)) tree.report(place, 'this header is set by HTTP itself; leave it out');
    if (names.slice(0, at).some((earlier) => earlier.toLowerCase() === lower)) {
      tree.report(place, 'this header is given twice, since names of headers have no case');
    }
  }
}

function describePlace({ type, url }: Place): string {
  const { protocol, host } = URL.parse(url) ?? {};
  if (type === 'registry') return `the registry ${host}`;
  return type === 'bucket' ? `a bucket at ${protocol}//` : 'a chart repository';
}
