import { LRUCache } from 'lru-cache';

import type { SourceRef } from '../../chart/claim.ts';
import { digestOf, isDigest, type Digest } from '../../chart/digest.ts';
import { Fault } from '../../chart/fault.ts';
import { chartMetadata } from '../../formats/chart-metadata.ts';
import { maxConfigBytes, readConfig, readManifest, type ChartManifest } from '../../formats/oci-manifest.ts';
import { readAll, TooManyBytes } from '../../lib/bytes.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Description, Incoming, Part } from '../contract.ts';
import { chartOf } from './address.ts';
import type { RegistryClient } from './client.ts';
import { pinnedSource, readSource, type RegistrySource } from './source.ts';

interface ChartImagesOptions {
  readonly upstream: string;
  readonly registry: RegistryClient;
  readonly clock: Clock;
}

/** A manifest that is a chart's. */
interface ChartImage {
  readonly manifest: Buffer;
  /** Of what the tag points to: this manifest, or an index with nothing else in it. */
  readonly digest: Digest;
  readonly chart: ChartManifest;
}

/** What failed half way is tried again soon; a tag may move, so it is not believed for longer. */
const rememberMs = 60_000;
const maxRemembered = 200;
const maxRememberedBytes = 8 * 1024 * 1024;

/** Charts in a registry, by the sources of `registry-source.ts`. */
export class ChartImages {
  readonly #options: ChartImagesOptions;
  readonly #images = new LRUCache<string, { readonly image: ChartImage; readonly atMs: number }>({
    max: maxRemembered,
    maxSize: maxRememberedBytes,
    sizeCalculation: ({ image }) => image.manifest.length + 1,
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
    const place = this.#read(source);
    const { repository } = place;
    const image = await this.#image(place, signal);
    if (!image) return undefined;
    const { manifest, digest, chart } = image;
    const config = await this.#config(place, chart, signal);
    const fields = readConfig(config);
    if (!fields) throw this.#notAChart(place, 'its config is not a JSON object');
    const { name, version } = fields;
    const expected = versionIn(place) ?? version;
    if (typeof version !== 'string' || name !== chartOf(repository) || version !== expected) {
      throw this.#invalid(place, `holds the chart ${word(name)} ${word(version)}, which is not what it is called`);
    }
    const described = chartMetadata(fields);
    if ('rejected' in described)
      throw this.#invalid(place, `has a Chart.yaml that Helm refuses (${described.rejected})`);
    const claim = {
      chart: name,
      version,
      source: pinnedSource(repository, digest, chart),
      digest: chart.archive.digest,
      created: chart.created,
      metadata: described.metadata,
      extra: described.extra,
    };
    return { claim, manifest, config };
  }

  /** The bytes of the archive or the provenance; undefined when the registry does not have them. */
  async open(source: SourceRef, part: Part, signal: AbortSignal): Promise<Incoming | undefined> {
    const place = this.#read(source);
    const files = place.files ?? (await this.#image(place, signal))?.chart;
    const file = files?.[part];
    const blob = file && (await this.#options.registry.blob(place.repository, file, signal));
    return blob && { ...blob, digest: file.digest };
  }

  /** The chart's manifest, remembered for a moment. */
  async #image(place: RegistrySource, signal: AbortSignal): Promise<ChartImage | undefined> {
    const { clock } = this.#options;
    const key = `${place.repository}@${place.reference}`;
    const kept = this.#images.get(key);
    if (kept && (isDigest(place.reference) || clock.elapsed() - kept.atMs < rememberMs)) return kept.image;
    const image = await this.#fetch(place, place.reference, signal);
    // what was listed is gone: the tag may have moved since
    if (!image && place.tag !== undefined && place.tag !== place.reference) {
      return this.#fetch(place, place.tag, signal);
    }
    if (image) this.#images.set(key, { image, atMs: clock.elapsed() });
    return image;
  }

  async #fetch(
    place: RegistrySource,
    reference: string,
    signal: AbortSignal,
    depth = 0,
  ): Promise<ChartImage | undefined> {
    const manifest = await this.#options.registry.manifest(place.repository, reference, signal);
    if (!manifest) return undefined;
    const read = readManifest(manifest.bytes);
    switch (read.kind) {
      case 'chart':
        return { manifest: manifest.bytes, digest: manifest.digest, chart: read.chart };
      case 'single': {
        if (depth > 0) throw this.#notAChart(place, 'an index within an index');
        const only = await this.#fetch(place, read.entry.digest, signal, depth + 1);
        return only && { ...only, digest: manifest.digest };
      }
      case 'other':
        throw this.#notAChart(place, `it is ${read.what}`);
      case 'invalid':
        throw this.#notAChart(place, `its manifest cannot be used: ${read.why}`);
      case 'unreadable':
        throw this.#unreadable(place);
    }
  }

  async #config(place: RegistrySource, { config }: ChartManifest, signal: AbortSignal): Promise<Buffer> {
    const { digest, size } = config;
    const blob = await this.#options.registry.blob(place.repository, config, signal);
    if (!blob) {
      const message = `${this.#options.upstream}: the registry has ${place.name}, but not its config.`;
      throw new Fault('upstream-failed', message, 'Push the chart again; the registry lost a part of it.');
    }
    const bytes = await readAll(blob.body, Math.min(size, maxConfigBytes)).catch((error: unknown) => {
      throw error instanceof TooManyBytes ? this.#mismatch(place, digest) : error;
    });
    if (digestOf(bytes) !== digest) throw this.#mismatch(place, digest);
    return bytes;
  }

  #read(source: SourceRef): RegistrySource {
    const read = readSource(source);
    if (read) return read;
    const message = `${this.#options.upstream}: ${word(source)} names nothing in a registry.`;
    throw new Fault('invalid-reference', message, 'Check charts; names are lower case, without tag or digest.');
  }

  #mismatch({ name }: RegistrySource, digest: Digest): Fault {
    const message = `${this.#options.upstream}: the config of ${name} is not the bytes that ${digest} names.`;
    return new Fault(
      'digest-mismatch',
      message,
      'It is not used. Something between us and the registry changes bytes.',
    );
  }

  #unreadable({ name }: RegistrySource): Fault {
    const message = `${this.#options.upstream}: the registry answered with no manifest when asked for that of ${name}.`;
    return new Fault(
      'upstream-failed',
      message,
      'It is tried again later; look at it with another client if it goes on.',
    );
  }

  #notAChart({ name }: RegistrySource, found: string): Fault {
    const message = `${this.#options.upstream}: ${name} is not a chart: ${found}.`;
    return new Fault('not-a-chart', message, 'Charts are put into a registry with helm push.');
  }

  #invalid({ name }: RegistrySource, problem: string): Fault {
    const message = `${this.#options.upstream}: ${name} ${problem}.`;
    return new Fault('archive-invalid', message, 'Push it with helm push, which names it after what is inside.');
  }
}

/** The version that a tag promises; a digest alone promises none. */
function versionIn({ tag }: RegistrySource): string | undefined {
  return tag?.replaceAll('_', '+');
}

/** Upstream's own text, fit for a message. */
function word(value: unknown): string {
  return typeof value === 'string' && /^[\w.+:@/-]{1,200}$/.test(value) ? value : '(unreadable)';
}
