import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { holds, newCanary } from './canaries.ts';
import { misbehaving, type CanaryPlace } from './canary-place.ts';
import { chartArchive } from './charts.ts';
import { fakeRegistry, type FakeRegistryOptions } from './fake-registry.ts';
import { temporaryFolder } from './temp.ts';

async function registry(
  name: string,
  canary: string,
  options: FakeRegistryOptions,
  auth: (host: string) => Promise<object> | object,
): Promise<CanaryPlace> {
  const server = await fakeRegistry({ anonymousTokens: false, ...options });
  for (const version of ['1.0.0', '1.1.0']) {
    server.push(`charts/${name}`, { name, version, archive: await chartArchive({ name, version }) });
  }
  const sessions = newCanary();
  server.tokens.answerWith({ ...(options.auth === 'bearer' && { refresh_token: sessions }) });
  const { host } = new URL(server.origin);
  const place = {
    url: `oci://${host}/charts`,
    charts: [name],
    plainHTTP: true,
    passCredentials: [server.tokens.origin],
  };
  const [own, tokens] = [misbehaving(server), misbehaving(server.tokens)];
  return {
    upstream: { name, ...place, auth: await auth(host) },
    canaries: [canary, sessions],
    wasShown: () => holds(JSON.stringify([server.requests, server.tokens.requests]), canary),
    misbehave: (how, where) => {
      own(how, where);
      tokens(how, where);
    },
  };
}

/** Registries, with a secret in each of the ways to enter one. */
export async function registryPlaces(): Promise<readonly CanaryPlace[]> {
  const [basic, exchanged, filed, identity] = [newCanary(), newCanary(), newCanary(), newCanary()];
  const username = 'reader';
  const dockerFile = async (auths: object): Promise<object> => {
    const file = join(await temporaryFolder(), 'config.json');
    await writeFile(file, JSON.stringify({ auths }));
    return { dockerConfig: file };
  };
  const asBasic = (password: string) => ({ auth: 'basic', username, password }) as const;
  const encoded = Buffer.from(`${username}:${filed}`).toString('base64');
  return [
    await registry('registry', basic, asBasic(basic), () => ({ username, password: basic })),
    await registry('tokens', exchanged, { ...asBasic(exchanged), auth: 'bearer' }, () => ({
      username,
      password: exchanged,
    })),
    await registry('docker', filed, asBasic(filed), (host) => dockerFile({ [host]: { auth: encoded } })),
    await registry('identity', identity, { auth: 'bearer', refreshToken: identity }, (host) =>
      dockerFile({ [host]: { username: '00000000-0000-0000-0000-000000000000', identitytoken: identity } }),
    ),
  ];
}
