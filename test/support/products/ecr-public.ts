import type { Site } from '../internet.ts';
import {
  askedOf,
  challenge,
  json,
  redirectTo,
  registryError,
  storageOf,
  type RegistryShelf,
} from './registry-shelf.ts';
import { basicOf } from './shelf.ts';
import { TokenDesk } from './token-desk.ts';

/** The public registry of Amazon as it can be changed while a test goes on. */
export interface EcrPublic {
  readonly sites: Readonly<Record<string, Site>>;
  /** The registry's tokens are no longer any good. */
  expire(): void;
}

const storage = 'd5l0dvt14r5h8.cloudfront.net';

const password = 'ecr-public-password';

/** The registry, whose tokens are for everything at once, the API that gives passwords, and what is in front of its storage. */
export function ecrPublic(shelf: RegistryShelf): EcrPublic {
  const desk = new TokenDesk();
  const registry: Site = (request) => {
    if (request.path === '/token/') {
      const { authorization } = request.headers;
      const isKnown = authorization === undefined || authorization === basicOf('AWS', password);
      return isKnown ? json({ token: desk.give(request) }) : registryError(400, 'INVALID', 'Invalid credentials');
    }
    const realm = 'realm="https://public.ecr.aws/token/",service="public.ecr.aws"';
    if (!desk.admits(request, 'aws')) return challenge(`Bearer ${realm},scope="aws"`);
    const asked = askedOf(request);
    if (asked?.kind === 'blobs') return redirectTo(storage, asked.reference);
    return shelf.answer(request) ?? registryError(404, 'UNSUPPORTED');
  };
  return {
    sites: {
      'public.ecr.aws': registry,
      'api.ecr-public.us-east-1.amazonaws.com': givePassword,
      [storage]: storageOf(shelf, { status: 400, body: '<Code>InvalidArgument</Code>' }),
    },
    expire: () => desk.expire(),
  };
}

/** One, where a private registry gives a list of them. */
const givePassword: Site = ({ headers }) => {
  const call = headers['x-amz-target'] === 'SpencerFrontendService.GetAuthorizationToken';
  const signed = /^AWS4-HMAC-SHA256 Credential=\w+\/\d{8}\/us-east-1\/ecr-public\/aws4_request, /;
  if (!call || !signed.test(headers.authorization ?? '')) return json({ __type: 'InvalidParameterException' }, 400);
  const authorizationToken = Buffer.from(`AWS:${password}`).toString('base64');
  return json({ authorizationData: { authorizationToken, expiresAt: Date.now() / 1000 + 12 * 60 * 60 } });
};
