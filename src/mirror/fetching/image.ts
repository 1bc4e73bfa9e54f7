import type { DerivedImage, Measured } from '../../chart/attachments.ts';
import { digestOf } from '../../chart/digest.ts';

/** A derived image: its texts as the bytes that leave, and what names them. */
export interface Image {
  readonly config: Buffer;
  readonly manifest: Buffer;
  readonly names: DerivedImage;
}

type Layer = Pick<Measured, 'digest'>;

/** An image of its texts. */
export function imageOf(config: string, manifest: string, provenance: Layer | undefined): Image {
  const bytes = { config: Buffer.from(config), manifest: Buffer.from(manifest) };
  const names = {
    ...(provenance && { provenance: provenance.digest }),
    manifest: measured(bytes.manifest),
    config: measured(bytes.config),
  };
  return { ...bytes, names };
}

function measured(bytes: Buffer): Measured {
  return { digest: digestOf(bytes), size: bytes.length };
}

/** Reads what was kept of an image. Throws a plain error for anything else, such as an image of other bytes. */
export function parseImage(value: unknown, archive: Layer, provenance: Layer | undefined): Image {
  const { config, manifest } = Object(value) as Readonly<Record<string, unknown>>;
  if (typeof config !== 'string' || typeof manifest !== 'string') throw new Error('it is no image');
  const image = imageOf(config, manifest, provenance);
  const named = JSON.parse(manifest) as { readonly config?: Layer; readonly layers?: readonly Layer[] };
  const [expected, found] = [[archive, provenance], named.layers ?? []].map(digestsOf);
  if (named.config?.digest !== image.names.config.digest || expected !== found) throw new Error('it is of other bytes');
  return image;
}

function digestsOf(layers: readonly (Layer | undefined)[]): string {
  const digests = layers.flatMap((layer) => layer?.digest ?? []);
  return digests.sort().join(' ');
}
