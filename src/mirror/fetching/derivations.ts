import { LRUCache } from 'lru-cache';

import type { DerivedImage } from '../../chart/attachments.ts';
import type { Descriptor, Digest } from '../../chart/digest.ts';
import type { KeptVersion } from '../../chart/holding.ts';
import { deriveManifest } from '../../formats/derived-image.ts';
import { Limiter } from '../../lib/limiter.ts';
import type { Log } from '../../lib/log.ts';
import { SingleFlight } from '../../lib/single-flight.ts';
import type { ObjectStore } from '../../store/contract.ts';
import { imageKey } from '../../store/layout.ts';
import { recordBytes } from '../../store/records.ts';
import type { Batches } from '../committing/batches.ts';
import { examine, type Examined } from '../committing/examine.ts';
import type { Known } from '../committing/known.ts';
import { DerivingAhead, type DerivingAheadParts } from './derive-ahead.ts';
import { imageOf, parseImage, type Image } from './image.ts';

export interface DerivationsParts extends DerivingAheadParts {
  readonly store: ObjectStore;
  readonly batches: Batches;
  readonly log: Log;
}

/** Whose image is wanted, and with which provenance. */
export interface Wanted {
  readonly known: Known;
  readonly kept: KeptVersion;
  /** Absent: the image without any. */
  readonly provenance: Descriptor | undefined;
  /** Makes its config of the archive. Rejects with the fault of opening or reading that. */
  readonly deriveConfig: () => Promise<string>;
}

/** Where an image is kept, and what was told of it. */
interface Place {
  readonly key: string;
  readonly parse: (value: unknown) => Image;
  readonly told: readonly DerivedImage[];
}

/** Archives of tens of megabytes that are in memory for this at once. */
const archivesAtOnce = 2;
const maxHotBytes = 16 * 1024 * 1024;
/** Of what is in memory beside the texts. */
const overheadBytes = 512;

/**
 * Images of archives that came from no registry: derived once and kept, so that an archive and its provenance have one
 * digest for ever, on every replica, whatever code derives. What is told of them goes into the snapshot.
 */
export class Derivations {
  readonly ahead: DerivingAhead;
  readonly #parts: DerivationsParts;
  readonly #hot = new LRUCache<string, Image>({
    maxSize: maxHotBytes,
    sizeCalculation: ({ config, manifest }) => config.length + manifest.length + overheadBytes,
  });
  readonly #flights = new SingleFlight<Image>();
  readonly #turns = new Limiter(archivesAtOnce);

  constructor(parts: DerivationsParts) {
    this.#parts = parts;
    this.ahead = new DerivingAhead(parts);
  }

  /** The image of a held version with that provenance, if it is in memory and what is known of the version names it. */
  hot(kept: KeptVersion, provenance: Digest | undefined): Image | undefined {
    const image = this.#hot.get(imageKey(kept.archive.digest, provenance));
    return image && names(kept, image) ? image : undefined;
  }

  /** The image that is wanted. Rejects with a fault when there is none yet and none can be derived. */
  async of(wanted: Wanted): Promise<Image> {
    const { kept, provenance } = wanted;
    const key = imageKey(kept.archive.digest, provenance?.digest);
    const image = this.#hot.get(key) ?? (await this.#joined(key)) ?? (await this.#begun(key, wanted));
    this.#note(wanted, image);
    return image;
  }

  /** What could not be read ahead may be had by who waits for it: lost bytes are fetched again for him. */
  async #joined(key: string): Promise<Image | undefined> {
    return this.#flights.underWay(key)?.catch(() => undefined);
  }

  #begun(key: string, wanted: Wanted): Promise<Image> {
    return this.#flights.run(key, () => this.#find(key, wanted));
  }

  /** An archive that the store did not take is not held because its image was derived. */
  #note({ known, kept }: Wanted, image: Image): void {
    const held = known.latest.held(kept.chart, kept.version);
    if (held?.archive.digest !== kept.archive.digest || names(held, image)) return;
    this.#parts.batches.addHolding(known, withImage(held, image), false);
  }

  /** Resolves when nothing is being derived. */
  async idle(): Promise<void> {
    await this.ahead.idle();
    await this.#flights.idle();
  }

  async #find(key: string, { kept, provenance, deriveConfig }: Wanted): Promise<Image> {
    const parse = (value: unknown): Image => parseImage(value, kept.archive, provenance);
    const place = { key, parse, told: toldOf(kept, provenance) };
    const record = await this.#read(place);
    // that there is none must be known, where nothing was told of one
    if (record instanceof Error && place.told.length === 0) throw record;
    const known = record instanceof Error ? undefined : record?.value;
    if (known && isExpected(known, place)) return this.#remember(key, known);
    const config = await this.#turns.run(deriveConfig);
    const image = imageOf(config, deriveManifest(config, { archive: kept.archive, provenance }), provenance);
    if (!(record instanceof Error)) return this.#keep(place, image, record);
    if (isExpected(image, place)) return image;
    throw record;
  }

  /** Damaged or not; the fault of a store that does not answer. */
  async #read({ key, parse }: Place): Promise<Examined<Image> | Error | undefined> {
    return examine(this.#parts.store, key, parse).catch((error: unknown) => {
      if (error instanceof Error) return error;
      throw error;
    });
  }

  /** Who loses the race for the record adopts the winner's. One that is damaged, or not what was told, is replaced. */
  async #keep(place: Place, image: Image, record: Examined<Image> | undefined): Promise<Image> {
    const { store, log } = this.#parts;
    const { key, parse } = place;
    if (!isExpected(image, place)) {
      log.warn({ key }, 'an image was derived anew, and is another one than was told before');
      // neither of the two is what was told
      if (record?.value) return this.#remember(key, record.value);
    }
    const { config, manifest } = image;
    const bytes = recordBytes({ config: config.toString(), manifest: manifest.toString() });
    try {
      const written = await store.write(key, bytes, record ? { etag: record.etag } : 'absent');
      const winner = written === 'conflict' ? await examine(store, key, parse) : undefined;
      return this.#remember(key, winner?.value ?? image);
    } catch (error) {
      // not remembered: whoever wants it next tries to keep it again
      log.debug({ key, err: error }, 'a derived image could not be kept');
      return image;
    }
  }

  #remember(key: string, image: Image): Image {
    this.#hot.set(key, image);
    return image;
  }
}

function toldOf({ images = [] }: KeptVersion, provenance: Descriptor | undefined): readonly DerivedImage[] {
  return images.filter((image) => image.provenance === provenance?.digest);
}

/** The provenance that is known of a version. */
export function provenanceOf({ provenance }: KeptVersion): Descriptor | undefined {
  return typeof provenance === 'object' ? provenance : undefined;
}

/** Whether an image belongs to a version that was not told of yet; false while its provenance was never asked for. */
export function lacksImage(kept: KeptVersion): boolean {
  const { manifest, provenance } = kept;
  return manifest === undefined && provenance !== undefined && toldOf(kept, provenanceOf(kept)).length === 0;
}

/** The version with this among its images. */
export function withImage(kept: KeptVersion, image: Image): KeptVersion {
  return names(kept, image) ? kept : { ...kept, images: [...(kept.images ?? []), image.names] };
}

function names({ images = [] }: KeptVersion, image: Image): boolean {
  const { manifest, provenance } = image.names;
  return images.some((one) => one.manifest.digest === manifest.digest && one.provenance === provenance);
}

function isExpected(image: Image, { told }: Place): boolean {
  return told.length === 0 || told.some(({ manifest }) => manifest.digest === image.names.manifest.digest);
}
