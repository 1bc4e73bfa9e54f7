import { LRUCache } from 'lru-cache';

import type { SourceRef } from '../chart/catalog.ts';
import { digestOf, isDigest, type Digest } from '../chart/digest.ts';
import { Fault } from '../chart/fault.ts';
import { chartMetadata } from '../formats/chart-metadata.ts';
import {
  isRepository,
  isTag,
  maxConfigBytes,
  readConfig,
  readManifest,
  type ChartManifest,
} from '../formats/oci-manifest.ts';
import { readAll, TooManyBytes } from '../lib/bytes.ts';
import type { Clock } from '../lib/clock.ts';
import type { Description, Incoming, Part } from './contract.ts';
import { chartOf } from './registry-address.ts';
import type { FetchedManifest, RegistryClient } from './registry-client.ts';

interface ChartImagesOptions {
  readonly upstream: string;
  readonly registry: RegistryClient;
  readonly clock: Clock;
}

/** A manifest that is a chart's. */
interface ChartImage extends FetchedManifest {
  readonly repository: string;
  readonly chart: ChartManifest;
}

interface Reference {
  readonly repository: string;
  /** A tag or a digest. */
  readonly reference: string;
}

/** What was just described is about to be opened; a tag may move, so it is not believed for longer. */
const rememberMs = 60_000;
const maxRemembered = 200;
const maxRememberedBytes = 8 * 1024 * 1024;

/** Charts in a registry, by `<repository>:<tag>` or `<repository>@<digest>`. */
export class ChartImages {
  readonly #options: ChartImagesOptions;
  readonly #images = new LRUCache<string, { readonly image: ChartImage; readonly atMs: number }>({
    max: maxRemembered,
    maxSize: maxRememberedBytes,
    sizeCalculation: ({ image }) => image.bytes.length + 1,
  });

  constructor(options: ChartImagesOptions) {
    this.#options = options;
  }

  /**
   * Manifest and config, both verified, and the claim they make. Undefined when the registry does not have it. Faults
   * with 'not-a-chart' for something else, and with 'archive-invalid' when name or version inside are not those of
   * the reference: whoever asked for one chart must not get another.
   */
  async describe(source: SourceRef, signal: AbortSignal): Promise<Description | undefined> {
    const image = await this.#image(source, signal);
    if (!image) return undefined;
    const { repository, chart, digest } = image;
    const config = await this.#config(source, image, signal);
    const fields = readConfig(config);
    if (!fields) throw this.#notAChart(source, 'its config is not a JSON object');
    const { name, version } = fields;
    const expected = versionIn(this.#parse(source)) ?? version;
    if (typeof version !== 'string' || name !== chartOf(repository) || version !== expected) {
      throw this.#invalid(source, `holds the chart ${word(name)} ${word(version)}, which is not what it is called`);
    }
    const described = chartMetadata(fields);
    if ('rejected' in described)
      throw this.#invalid(source, `has a Chart.yaml that Helm refuses (${described.rejected})`);
    const claim = {
      chart: name,
      version,
      source: `${repository}@${digest}`,
      digest: chart.archive.digest,
      created: chart.created,
      metadata: described.metadata,
      extra: described.extra,
    };
    return { claim, manifest: image.bytes, config };
  }

  /** The bytes of the archive or the provenance; undefined when the registry does not have them. */
  async open(source: SourceRef, part: Part, signal: AbortSignal): Promise<Incoming | undefined> {
    const image = await this.#image(source, signal);
    const descriptor = part === 'archive' ? image?.chart.archive : image?.chart.provenance;
    if (!image || !descriptor) return undefined;
    const blob = await this.#options.registry.blob(image.repository, descriptor, signal);
    return blob && { ...blob, descriptor };
  }

  /** The chart's manifest, remembered for a moment. */
  async #image(source: SourceRef, signal: AbortSignal): Promise<ChartImage | undefined> {
    const { clock } = this.#options;
    const { repository, reference } = this.#parse(source);
    const kept = this.#images.get(source);
    if (kept && (isDigest(reference) || clock.elapsed() - kept.atMs < rememberMs)) return kept.image;
    const image = await this.#fetch(source, repository, reference, signal);
    if (!image) return undefined;
    const remembered = { image, atMs: clock.elapsed() };
    this.#images.set(source, remembered);
    this.#images.set(`${repository}@${image.digest}`, remembered);
    return image;
  }

  async #fetch(
    source: SourceRef,
    repository: string,
    reference: string,
    signal: AbortSignal,
    depth = 0,
  ): Promise<ChartImage | undefined> {
    const manifest = await this.#options.registry.manifest(repository, reference, signal);
    if (!manifest) return undefined;
    const read = readManifest(manifest.bytes);
    switch (read.kind) {
      case 'chart':
        return { ...manifest, repository, chart: read.chart };
      case 'single':
        if (depth > 0) throw this.#notAChart(source, 'an index within an index');
        return await this.#fetch(source, repository, read.entry.digest, signal, depth + 1);
      case 'other':
        throw this.#notAChart(source, `it is ${read.what}`);
      case 'invalid':
        throw this.#notAChart(source, `its manifest cannot be used: ${read.why}`);
      case 'unreadable':
        throw this.#unreadable(source);
    }
  }

  async #config(source: SourceRef, { repository, chart }: ChartImage, signal: AbortSignal): Promise<Buffer> {
    const { digest, size } = chart.config;
    const blob = await this.#options.registry.blob(repository, chart.config, signal);
    if (!blob) {
      const message = `${this.#options.upstream}: the registry has ${source}, but not its config.`;
      throw new Fault('upstream-failed', message, 'Push the chart again; the registry lost a part of it.');
    }
    const bytes = await readAll(blob.body, Math.min(size, maxConfigBytes)).catch((error: unknown) => {
      throw error instanceof TooManyBytes ? this.#mismatch(source, digest) : error;
    });
    if (digestOf(bytes) !== digest) throw this.#mismatch(source, digest);
    return bytes;
  }

  #parse(source: SourceRef): Reference {
    const [, repository = '', tag, digest] = /^([^:@]+)(?::([^:@]+)|@(sha256:[0-9a-f]{64}))$/.exec(source) ?? [];
    const reference = tag !== undefined && isTag(tag) ? tag : digest;
    if (reference !== undefined && isRepository(repository)) return { repository, reference };
    const message = `${this.#options.upstream}: ${word(source)} names nothing in a registry.`;
    throw new Fault('invalid-reference', message, 'Check charts; names are lower case, without tag or digest.');
  }

  #mismatch(source: SourceRef, digest: Digest): Fault {
    const message = `${this.#options.upstream}: the config of ${source} is not the bytes that ${digest} names.`;
    return new Fault(
      'digest-mismatch',
      message,
      'It is not used. Something between us and the registry changes bytes.',
    );
  }

  #unreadable(source: SourceRef): Fault {
    const message = `${this.#options.upstream}: the registry answered with no manifest when asked for that of ${source}.`;
    return new Fault(
      'upstream-failed',
      message,
      'It is tried again later; look at it with another client if it goes on.',
    );
  }

  #notAChart(source: SourceRef, found: string): Fault {
    const message = `${this.#options.upstream}: ${source} is not a chart: ${found}.`;
    return new Fault('not-a-chart', message, 'Charts are put into a registry with helm push.');
  }

  #invalid(source: SourceRef, problem: string): Fault {
    const message = `${this.#options.upstream}: ${source} ${problem}.`;
    return new Fault('archive-invalid', message, 'Push it with helm push, which names it after what is inside.');
  }
}

/** The version that a tag promises; a digest promises none. */
function versionIn({ reference }: Reference): string | undefined {
  return isDigest(reference) ? undefined : reference.replaceAll('_', '+');
}

/** Upstream's own text, fit for a message. */
function word(value: unknown): string {
  return typeof value === 'string' && /^[\w.+:@/-]{1,200}$/.test(value) ? value : '(unreadable)';
}
