import type { Context, Hono } from 'hono';

import type { OciCode } from '../chart/fault-answers.ts';
import { Fault } from '../chart/fault.ts';
import { unknownRepository } from '../chart/unknown-repository.ts';
import type { Log } from '../lib/log.ts';
import type { Mirror } from '../mirror/contract/doors.ts';
import type { ImageLists, ImageName, Images } from '../mirror/contract/images.ts';
import type { Door, ServerEnv } from './exchange.ts';
import { understand } from './faults.ts';
import { addressReader, type Address, type AddressReader, type RegistryName } from './oci/address.ts';
import { sendBlob, sendManifest, sendPage, sendReferrers } from './oci/content.ts';
import { catalogNames, pageRenderer, type CatalogNames, type CatalogPart, type PageRenderer } from './oci/lists.ts';
import { Refusal, sendError, sendFault } from './oci/refusal.ts';
import { sendBuffer } from './send.ts';

type Exchanged = Context<ServerEnv>;
type Answer = Response | Promise<Response>;

/** What the registry's addresses answer from. */
export interface OciRegistryParts {
  readonly mirror: Mirror;
  readonly images: Images & ImageLists;
  readonly log: Log;
}

interface Registry extends OciRegistryParts {
  readonly addresses: AddressReader;
  readonly catalog: CatalogNames;
  readonly pages: PageRenderer;
}

/**
 * The OCI distribution protocol below `/v2/`, read only (distribution specification, pull and content discovery). Answers
 * everything there itself, in the specification's forms, and stays synchronous while everything is in memory.
 */
export function addOciRegistry(app: Hono<ServerEnv>, parts: OciRegistryParts): void {
  const registry: Registry = { ...parts, addresses: addressReader(), catalog: catalogNames(), pages: pageRenderer() };
  app.all('/v2/*', (c) => answer(c, registry));
}

function answer(c: Exchanged, registry: Registry): Answer {
  c.env.outgoing.door = 'registry';
  try {
    const answered = respond(c, registry);
    return answered instanceof Promise ? answered.catch((error: unknown) => refuse(c, registry, error)) : answered;
  } catch (error) {
    return refuse(c, registry, error);
  }
}

function respond(c: Exchanged, registry: Registry): Answer {
  const { method } = c.env.incoming;
  if (method !== 'GET' && method !== 'HEAD') {
    const message = 'This registry can only be read. Push to the registry or repository that it mirrors.';
    return sendError(c, 405, 'UNSUPPORTED', message, { Allow: 'GET, HEAD' });
  }
  const address = registry.addresses(c.req.path);
  if (address.kind === 'registry') return sendSupport(c);
  if (address.kind === 'catalog') return sendCatalog(c, registry);
  c.env.outgoing.door = address.kind;
  return sendOf(c, registry, address, nameOf(c, registry, address.name));
}

type NamedAddress = Extract<Address, { readonly name: RegistryName }>;

function sendOf(c: Exchanged, { images, pages, log }: Registry, address: NamedAddress, name: ImageName): Answer {
  switch (address.kind) {
    case 'manifest': {
      const { reference } = address;
      if (reference.by === 'tag') c.env.outgoing.version = reference.version;
      const found =
        reference.by === 'tag' ? images.tagged(name, reference.tag) : images.manifest(name, reference.digest);
      return whenThere(found, (manifest) => sendManifest(c, manifest, reference.by));
    }
    case 'blob':
      return whenThere(images.blob(name, address.digest), (blob) => sendBlob(c, blob, log));
    case 'tags': {
      const { text } = address.name;
      const document = (tags: readonly string[]): unknown => ({ name: text, tags });
      const path = `/v2/${text}/tags/list`;
      return whenThere(images.tags(name), (names) => sendPage(c, pages({ names, path, document }, queryOf(c))));
    }
    case 'referrers': {
      const found = address.digest ? images.referrers(name, address.digest) : [];
      return whenThere(found, (referrers) => sendReferrers(c, referrers, queryOf(c)));
    }
  }
}

/** What is in memory is answered at once: a promise would cost more than the answer. */
function whenThere<T>(found: T | Promise<T>, send: (found: T) => Answer): Answer {
  return found instanceof Promise ? found.then(send) : send(found);
}

/** What a name stands for here. Throws 'not-found' where it stands for nothing. */
function nameOf({ env: { outgoing } }: Exchanged, { mirror }: Registry, name: RegistryName): ImageName {
  const repositories = mirror.repositories();
  const repository =
    name.repository === undefined
      ? repositories.find(({ root }) => root)
      : repositories.find((one) => one.name === name.repository);
  if (!repository) {
    const names = repositories.map((one) => one.name);
    throw new Refusal('NAME_UNKNOWN', name.repository === undefined ? rootless(name, names) : unknown(name, names));
  }
  outgoing.repository = repository.name;
  outgoing.chart = name.chart;
  return { repository: repository.name, chart: name.chart };
}

function rootless({ chart }: RegistryName, names: readonly string[]): Fault {
  const paths = names.map((name) => `${name}/${chart}`);
  return new Fault('not-found', 'No repository answers without its name.', `Ask for ${paths.join(' or ')}.`);
}

function unknown({ repository = '' }: RegistryName, names: readonly string[]): Fault {
  return unknownRepository(repository, names);
}

/** That this is a registry (distribution specification, "Determining Support"). */
function sendSupport(c: Exchanged): Response {
  const headers = {
    'Content-Type': 'application/json; charset=utf-8',
    'Cache-Control': 'no-cache',
    'Docker-Distribution-API-Version': 'registry/2.0',
    'X-Content-Type-Options': 'nosniff',
  };
  return sendBuffer(c, 200, headers, Buffer.from('{}'));
}

/** Every name there is in the repositories that have a list; a failure while none has, since an empty one would be a lie. */
function sendCatalog(c: Exchanged, { mirror, images, catalog, pages }: Registry): Response {
  const parts: CatalogPart[] = [];
  let missing: Fault | undefined;
  for (const { name, root } of mirror.repositories()) {
    try {
      parts.push({ repository: name, root, charts: images.charts(name) });
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      missing ??= error;
    }
  }
  if (parts.length === 0 && missing) throw missing;
  const document = (page: readonly string[]): unknown => ({ repositories: page });
  return sendPage(c, pages({ names: catalog(parts), path: '/v2/_catalog', document }, queryOf(c)));
}

function queryOf(c: Exchanged): string {
  const { url = '' } = c.env.incoming;
  const at = url.indexOf('?');
  return at < 0 ? '' : url.slice(at + 1);
}

/** What is said to be unknown where nobody has what was asked for. */
const unknownCodes: Partial<Record<Door, OciCode>> = {
  manifest: 'MANIFEST_UNKNOWN',
  blob: 'BLOB_UNKNOWN',
  tags: 'NAME_UNKNOWN',
  referrers: 'NAME_UNKNOWN',
};

function refuse(c: Exchanged, registry: Registry, error: unknown): Response {
  if (error instanceof Refusal) return sendFault(c, error.fault, error.code);
  const fault = understand(error, registry.log, c.req.path);
  if (fault?.code !== 'not-found') return sendFault(c, fault);
  const code = isNameKnown(c, registry) ? unknownCodes[c.env.outgoing.door] : 'NAME_UNKNOWN';
  return sendFault(c, fault, code);
}

/** Whether lists show something of the chart: then it is the version that nobody has. */
function isNameKnown({ env: { outgoing } }: Exchanged, { images }: Registry): boolean {
  const { repository, chart } = outgoing;
  if (repository === undefined || chart === undefined) return false;
  try {
    return images.charts(repository).includes(chart);
  } catch {
    return false;
  }
}
