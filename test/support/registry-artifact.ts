import { digestOf, type Descriptor } from '../../src/chart/digest.ts';

/** Something that refers to a manifest, such as a signature. */
export interface ArtifactToPush {
  readonly artifactType: string;
  readonly subject: Descriptor;
  /** Its one blob. */
  readonly content: string;
}

const manifestType = 'application/vnd.oci.image.manifest.v1+json';
const emptyConfig = Buffer.from('{}');

/**
 * Pushes one into a real registry as tools do that know referrers (OCI image specification, manifests with a `subject`):
 * where the registry has no list of referrers, the tag `sha256-<hex>` has it. Answers with its descriptor.
 */
export async function pushArtifact(registry: string, name: string, artifact: ArtifactToPush): Promise<Descriptor> {
  const base = `${registry}/v2/${name}`;
  const layer = Buffer.from(artifact.content);
  for (const blob of [emptyConfig, layer]) await pushBlob(base, blob);
  const manifest = imageManifest(
    { artifactType: artifact.artifactType, subject: artifact.subject },
    descriptorOf('application/vnd.oci.empty.v1+json', emptyConfig),
    descriptorOf('application/vnd.example.signature', layer),
  );
  const pushed = await pushManifest(base, digestOf(manifest), manifestType, manifest);
  const index = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [{ ...pushed, artifactType: artifact.artifactType }],
  };
  const tag = artifact.subject.digest.replace(':', '-');
  await pushManifest(base, tag, index.mediaType, Buffer.from(JSON.stringify(index)));
  return pushed;
}

/** Pushes what cosign makes beside an image by default: an image whose tag names the other's digest. */
export async function pushCosignSignature(registry: string, name: string, of: Descriptor): Promise<Descriptor> {
  const base = `${registry}/v2/${name}`;
  const payload = Buffer.from(JSON.stringify({ critical: { image: { 'docker-manifest-digest': of.digest } } }));
  const config = Buffer.from(JSON.stringify({ rootfs: { type: 'layers', diff_ids: [digestOf(payload)] } }));
  for (const blob of [config, payload]) await pushBlob(base, blob);
  const manifest = imageManifest(
    {},
    descriptorOf('application/vnd.oci.image.config.v1+json', config),
    descriptorOf('application/vnd.dev.cosign.simplesigning.v1+json', payload),
  );
  return pushManifest(base, `${of.digest.replace(':', '-')}.sig`, manifestType, manifest);
}

function imageManifest(more: object, config: Descriptor, layer: Descriptor): Buffer {
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: manifestType, config, layers: [layer], ...more }));
}

function descriptorOf(mediaType: string, bytes: Buffer): Descriptor {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}

async function pushBlob(base: string, bytes: Buffer): Promise<void> {
  const begun = await fetch(`${base}/blobs/uploads/`, { method: 'POST' });
  const place = new URL(begun.headers.get('location') ?? '', begun.url);
  place.searchParams.set('digest', digestOf(bytes));
  const headers = { 'content-type': 'application/octet-stream' };
  await expectCreated(await fetch(place, { method: 'PUT', headers, body: new Uint8Array(bytes) }));
}

async function pushManifest(base: string, reference: string, mediaType: string, bytes: Buffer): Promise<Descriptor> {
  const headers = { 'content-type': mediaType };
  const body = new Uint8Array(bytes);
  await expectCreated(await fetch(`${base}/manifests/${reference}`, { method: 'PUT', headers, body }));
  return descriptorOf(mediaType, bytes);
}

async function expectCreated(answer: Response): Promise<void> {
  const text = await answer.text();
  if (answer.status !== 201) throw new Error(`${answer.url} answered ${answer.status}: ${text}`);
}
