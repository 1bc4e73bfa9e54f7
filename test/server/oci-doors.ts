import type { Digest } from '../../src/chart/digest.ts';
import { openDoors, type OpenDoors } from './open-doors.ts';

/** The front doors with one image, `nginx` 1.2.3, in the only repository, which is `all` and the root. */
export interface ImageDoors extends OpenDoors {
  readonly manifest: Buffer;
  readonly manifestDigest: Digest;
  readonly layer: Buffer;
  readonly layerDigest: Digest;
  readonly config: Buffer;
  readonly configDigest: Digest;
  readonly signature: Buffer;
  readonly signatureDigest: Digest;
}

export async function openImageDoors(options: Parameters<typeof openDoors>[0] = {}): Promise<ImageDoors> {
  const doors = await openDoors(options);
  const manifest = Buffer.from('{"schemaVersion":2,"annotations":{"a":"\\u003c"}}');
  const layer = Buffer.from(Array.from({ length: 1000 }, (_, at) => at % 251));
  const config = Buffer.from('{"name":"nginx","version":"1.2.3"}');
  const signature = Buffer.from('{"schemaVersion":2,"subject":{}}');
  const { images } = doors;
  return {
    ...doors,
    manifest,
    layer,
    config,
    signature,
    manifestDigest: images.putManifest(manifest, ['1.2.3', '1.2.3_build.4']),
    layerDigest: images.putBlob(layer),
    configDigest: images.putBlob(config),
    signatureDigest: images.putManifest(signature),
  };
}

/** The only error of an answer in the specification's form. */
export function errorIn(body: Buffer): { readonly code: string; readonly message: string } {
  const { errors } = JSON.parse(body.toString()) as { errors: { code: string; message: string }[] };
  const [error] = errors;
  if (!error || errors.length > 1) throw new Error('there is not one error');
  return error;
}
