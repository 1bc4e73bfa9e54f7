import { digestOf, type Digest } from '../../src/chart/digest.ts';
import { readAll } from '../../src/lib/bytes.ts';
import type { FoundBlob, ImageName, Images, OpenManifest } from '../../src/mirror/contract/images.ts';

/** A chart as a client of a registry has it after a pull. */
export interface PulledImage {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly manifest: Buffer;
  readonly config: Buffer;
  /** By media type. */
  readonly layers: ReadonlyMap<string, Buffer>;
}

interface Named {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
}

/** Pulls by tag or digest, and everything that the manifest names by digest; throws where bytes are not what they are called. */
export async function pull(images: Images, name: ImageName, reference: string): Promise<PulledImage> {
  const told = reference.startsWith('sha256:')
    ? await images.manifest(name, reference as Digest)
    : await images.tagged(name, reference);
  const { digest, mediaType } = verified(told);
  const { config, layers } = JSON.parse(told.bytes.toString()) as { config: Named; layers: readonly Named[] };
  const pulled = new Map<string, Buffer>();
  for (const layer of layers) pulled.set(layer.mediaType, await blobOf(images, name, layer));
  return { digest, mediaType, manifest: told.bytes, config: await blobOf(images, name, config), layers: pulled };
}

function verified({ descriptor, bytes }: OpenManifest): Named {
  if (digestOf(bytes) !== descriptor.digest || bytes.length !== descriptor.size) throw new Error('another manifest');
  return descriptor;
}

async function blobOf(images: Images, name: ImageName, { digest, size }: Named): Promise<Buffer> {
  const bytes = await bytesOf(await images.blob(name, digest));
  if (digestOf(bytes) !== digest || bytes.length !== size) throw new Error(`${digest} has other bytes`);
  return bytes;
}

/** All of a blob. */
export async function bytesOf(blob: FoundBlob): Promise<Buffer> {
  const { body } = await blob.open();
  return Buffer.isBuffer(body) ? body : readAll(body, 1e9);
}
