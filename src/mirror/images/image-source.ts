import type { Descriptor } from '../../chart/digest.ts';
import { Fault } from '../../chart/fault.ts';
import { inPieces } from '../../lib/at-once.ts';
import { readAll, type ByteRange, type OpenBytes } from '../../lib/bytes.ts';
import type { Known } from '../committing/known.ts';
import type { ChartRef } from '../contract/doors.ts';
import type { Engine } from '../engine.ts';
import { lacksImage, provenanceOf, withImage } from '../fetching/derivations.ts';
import type { Image } from '../fetching/image.ts';
import type { Held, Reader } from '../reading/reader.ts';
import { derivedPart, type DerivedPart, type Found } from './parts.ts';

export interface ImageSourceParts {
  readonly engine: Engine;
  readonly reader: Reader;
  /** The config of an archive's image, made off the main thread. Rejects with a fault for an archive that cannot be read. */
  readonly deriveConfig: (bytes: Uint8Array) => Promise<string>;
}

/** The images of held versions, and the bytes of their parts. */
export class ImageSource {
  readonly #parts: ImageSourceParts;

  constructor(parts: ImageSourceParts) {
    this.#parts = parts;
  }

  /** The manifest that a version's tag stands for now, where it can be told without waiting. */
  present(ref: ChartRef, held: Held): Found | undefined {
    const { kept } = held;
    if (kept.provenance === undefined) return undefined;
    if (kept.manifest) return { ref, ...held, part: { what: 'manifest', descriptor: kept.manifest } };
    const image = this.#parts.engine.fetches.derivations.hot(kept, provenanceOf(kept)?.digest);
    return image && { ref, ...held, part: derivedPart(image.names, 'manifest') };
  }

  /** The same, with all that it names known: its provenance, and the image that is derived. Rejects with a fault. */
  async complete(ref: ChartRef, held: Held): Promise<Found> {
    const attested = await this.#parts.reader.attested(ref, held);
    const { kept } = attested;
    if (kept.manifest) return { ref, ...attested, part: { what: 'manifest', descriptor: kept.manifest } };
    const image = await this.#derive(ref, attested, provenanceOf(kept));
    return { ref, ...attested, kept: withImage(kept, image), part: derivedPart(image.names, 'manifest') };
  }

  /** Begins to derive the images of what else its provider holds of a chart, the newest first. Upstream is asked for nothing. */
  deriveOthers({ ref: { repository, chart }, known }: Found): void {
    this.#parts.engine.fetches.derivations.ahead.begin(known, chart, {
      versions: () => this.#lacking(repository, chart, known),
      derive: (version) => this.#deriveHeld(known, chart, version),
    });
  }

  async #lacking(repository: string, chart: string, known: Known): Promise<readonly string[]> {
    const { members, selection } = this.#parts.reader.offer(repository);
    const versions: string[] = [];
    // there may be thousands, and each is read from its text
    await inPieces(selection.offered(chart), ({ member, version: { version } }) => {
      const kept = members[member] === known ? known.held(chart, version) : undefined;
      if (kept && lacksImage(kept)) versions.push(version);
    });
    return versions;
  }

  /** Lost bytes stay lost until somebody asks for them. */
  async #deriveHeld(known: Known, chart: string, version: string): Promise<void> {
    const { engine, deriveConfig } = this.#parts;
    const kept = known.held(chart, version);
    if (!kept || !lacksImage(kept)) return;
    const { archive } = kept;
    const read = async (): Promise<string> => {
      const opened = await engine.blobs.open(archive);
      if (!opened) throw new Error(`${chart} ${version} is lost`);
      return deriveConfig(await wholeOf(opened, archive));
    };
    await engine.fetches.derivations.of({ known, kept, provenance: provenanceOf(kept), deriveConfig: read });
  }

  /** A part's bytes, or those that `range` names. A promise only when they are not in memory. */
  open(found: Found, range?: ByteRange): OpenBytes | Promise<OpenBytes> {
    const { part, kept } = found;
    if (part.what !== 'derived') return this.#parts.reader.bytes.open(found, part, range);
    const hot = this.#parts.engine.fetches.derivations.hot(kept, part.image.provenance);
    const text = hot && textOf(hot, part);
    return text ? rangeOf(text, range) : this.#openDerived(found, part, range);
  }

  async #openDerived(found: Found, part: DerivedPart, range: ByteRange | undefined): Promise<OpenBytes> {
    const { ref, kept } = found;
    const wanted = part.image.provenance === undefined ? undefined : provenanceOf(kept);
    const image = await this.#parts.reader.waiting(this.#derive(ref, found, wanted), ref);
    const text = textOf(image, part);
    if (!text) throw lost(ref);
    return rangeOf(text, range);
  }

  #derive(ref: ChartRef, { known, kept }: Held, provenance: Descriptor | undefined): Promise<Image> {
    const { engine, deriveConfig, reader } = this.#parts;
    const read = async (): Promise<string> => {
      const { archive } = kept;
      const opened = await reader.bytes.open({ ref, known, kept }, { what: 'archive', descriptor: archive });
      return deriveConfig(await wholeOf(opened, archive));
    };
    return engine.fetches.derivations.of({ known, kept, provenance, deriveConfig: read });
  }
}

async function wholeOf({ body }: OpenBytes, { size }: Descriptor): Promise<Buffer> {
  return Buffer.isBuffer(body) ? body : readAll(body, size);
}

function textOf(image: Image, { text, descriptor }: DerivedPart): Buffer | undefined {
  return image.names[text].digest === descriptor.digest ? image[text] : undefined;
}

function rangeOf(bytes: Buffer, range: ByteRange | undefined): OpenBytes {
  const body = range ? bytes.subarray(range.start, range.end + 1) : bytes;
  return { size: body.length, total: bytes.length, body };
}

function lost({ chart, version }: ChartRef): Fault {
  return new Fault(
    'store-failed',
    `What was derived of ${chart} ${version} once is recorded, but lost, and is derived differently now.`,
    'Restore the folder derived from a backup; by its tag the chart can be had all the same.',
  );
}
