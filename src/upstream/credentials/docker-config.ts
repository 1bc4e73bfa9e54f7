import { readFile, stat } from 'node:fs/promises';

import { Fault } from '../../chart/fault.ts';
import type { Clock } from '../../lib/clock.ts';
import { SingleFlight } from '../../lib/single-flight.ts';
import { askHelper } from './docker-helper.ts';
import { dockerPlace, keysFor, type DockerPlace } from './docker-keys.ts';
import { isSameLogin, type Login, type LoginSource } from './login.ts';

interface DockerConfigOptions {
  readonly upstream: string;
  /** Absolute. */
  readonly file: string;
  /** Whether programs that the file names may be run. */
  readonly allowHelpers: boolean;
  /** Scheme, host and port. */
  readonly registry: URL;
  /** What stands below it, without slashes at its ends. */
  readonly path: string;
  readonly clock: Clock;
}

/** What is read of the file. */
interface DockerConfig {
  readonly auths: Fields;
  readonly credHelpers: Fields;
  readonly credsStore: string | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

interface Helped {
  readonly helper: string;
  readonly login: Login | undefined;
  readonly untilMs: number;
}

const maxFileBytes = 1024 ** 2;
/** What a helper said is good for so long, since asking starts a program. */
const helpedMs = 5 * 60_000;

/**
 * The login for a registry in a file as Docker, Podman and Kubernetes write it (`config.json`, `auth.json`,
 * `.dockerconfigjson`, `.dockercfg`), read anew each time: `credHelpers`, then `credsStore`, then `auths`. No entry is
 * no login, as Docker has it. Faults with 'unauthorized' for a file that cannot be read and for helpers that are not
 * allowed or fail. `HttpHeaders` of the file are not sent: they would be for every registry in it.
 */
export function dockerConfigLogin(options: DockerConfigOptions): LoginSource {
  return new DockerConfigLogin(options);
}

class DockerConfigLogin implements LoginSource {
  readonly #options: DockerConfigOptions;
  readonly #place: DockerPlace;
  readonly #flights = new SingleFlight<Login | undefined>();
  #helped: Helped | undefined;
  #isMissing = false;

  constructor(options: DockerConfigOptions) {
    this.#options = options;
    this.#place = dockerPlace(options.registry, options.path);
  }

  get description(): string {
    const { host } = this.#place;
    return this.#isMissing ? `anonymous (nothing for ${host} in the Docker config file)` : 'Docker config file';
  }

  async login(refused?: Login): Promise<Login | undefined> {
    const config = await readConfig(this.#options);
    const login = (await this.#fromHelper(config, refused)) ?? this.#fromEntry(config);
    this.#isMissing = login === undefined;
    return login;
  }

  async #fromHelper({ auths, credHelpers, credsStore }: DockerConfig, refused?: Login): Promise<Login | undefined> {
    const { upstream, allowHelpers } = this.#options;
    const [key] = keysFor(Object.keys(credHelpers), this.#place);
    // an empty name takes a host away from the store
    const helper = key === undefined ? credsStore : textOf(credHelpers[key]);
    if (helper === undefined) return undefined;
    if (allowHelpers) return await this.#ask(helper, refused);
    const isKnown = key === undefined && this.#fromEntry({ auths }) !== undefined;
    if (isKnown) return undefined;
    throw new Fault(
      'unauthorized',
      `${upstream}: the Docker config file leaves ${this.#place.host} to a credential helper, which may not be run.`,
      'Set auth.allowHelpers, or write the credentials into the file.',
    );
  }

  #fromEntry({ auths }: Pick<DockerConfig, 'auths'>): Login | undefined {
    for (const key of keysFor(Object.keys(auths), this.#place)) {
      const login = loginOf(this.#options, auths[key]);
      if (login) return login;
    }
    return undefined;
  }

  async #ask(helper: string, refused: Login | undefined): Promise<Login | undefined> {
    const { upstream, clock } = this.#options;
    const known = this.#helped;
    const isFresh = known !== undefined && known.helper === helper && clock.elapsed() < known.untilMs;
    if (isFresh && !(refused && isSameLogin(known.login, refused))) return known.login;
    return await this.#flights.run(helper, async () => {
      const answer = await askHelper({ upstream, name: helper, server: serverOf(this.#place), clock });
      const login = answer && loginWith(answer.username, answer.secret);
      this.#helped = { helper, login, untilMs: clock.elapsed() + helpedMs };
      return login;
    });
  }
}

/** A registry as helpers know it. */
function serverOf({ host }: DockerPlace): string {
  return host === 'docker.io' ? 'https://index.docker.io/v1/' : host;
}

/** By which Docker says that what stands for the password is a refresh token. */
const tokenUser = '<token>';

function loginWith(username: string, secret: string): Login {
  return username === tokenUser
    ? { kind: 'identity', token: secret }
    : { kind: 'password', username, password: secret };
}

/** The login of one entry of `auths`; undefined for one that only says that there is one elsewhere. */
function loginOf(options: DockerConfigOptions, entry: unknown): Login | undefined {
  const { registrytoken, identitytoken, auth, username, password } = fieldsOf(entry);
  const bearer = textOf(registrytoken);
  if (bearer !== undefined) return { kind: 'bearer', token: bearer };
  const identity = textOf(identitytoken);
  if (identity !== undefined) return { kind: 'identity', token: identity };
  const encoded = textOf(auth);
  if (encoded !== undefined) return decoded(options, encoded);
  const secret = textOf(password);
  return secret === undefined ? undefined : loginWith(textOf(username) ?? '', secret);
}

/** `user:password` in base64, with or without its padding. */
function decoded(options: DockerConfigOptions, encoded: string): Login {
  // some versions of Docker end the password in null characters
  const text = Buffer.from(encoded, 'base64').toString('utf8').replace(/\0+$/, '');
  const end = text.indexOf(':');
  if (end < 0) throw unreadable(options, 'has an auth that is not user:password in base64');
  return loginWith(text.slice(0, end), text.slice(end + 1));
}

async function readConfig(options: DockerConfigOptions): Promise<DockerConfig> {
  const text = await readText(options);
  const all = parsed(text);
  if (!all) throw unreadable(options, 'is not JSON as Docker writes it');
  const { auths, credHelpers, credsStore } = all;
  const isBare = [auths, credHelpers, credsStore].every((one) => one === undefined);
  return {
    // the old form, .dockercfg, has nothing but entries
    auths: isBare ? all : fieldsOf(auths),
    credHelpers: fieldsOf(credHelpers),
    credsStore: textOf(credsStore),
  };
}

async function readText(options: DockerConfigOptions): Promise<string> {
  const { file } = options;
  try {
    if ((await stat(file)).size <= maxFileBytes) return await readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw unreadable(options, `cannot be read (${code ?? 'unknown error'})`);
  }
  throw unreadable(options, 'is larger than 1 MiB');
}

/** Without the error of the parser, which quotes what it read. */
function parsed(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function unreadable({ upstream, file }: DockerConfigOptions, problem: string): Fault {
  const message = `${upstream}: the Docker config file ${file} ${problem}.`;
  return new Fault('unauthorized', message, 'Check auth.dockerConfig, and the file it names.');
}

function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {};
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
