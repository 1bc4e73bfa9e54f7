import { digestOf, hexOf, type Digest } from '../../src/chart/digest.ts';
import { referrersIndex, type TestArtifact } from './artifacts.ts';

const indexType = 'application/vnd.oci.image.index.v1+json';
const manifestType = 'application/vnd.oci.image.manifest.v1+json';

/** A repository of a real registry that does not list referrers, so that clients keep the list of them themselves. */
export class PushedArtifacts {
  readonly #repository: string;
  readonly #all = new Set<TestArtifact>();

  /** `repository`: `http://host:port/v2/<name>`. */
  constructor(repository: string) {
    this.#repository = repository;
  }

  /** As `cosign` and `oras` do: under a tag, or with what it refers to in the list. */
  async push(artifact: TestArtifact, tag: string = artifact.digest): Promise<void> {
    for (const blob of artifact.blobs) await this.#putBlob(blob);
    await this.#put(`manifests/${tag}`, artifact.manifest, manifestType);
    this.#all.add(artifact);
    await this.#list(artifact);
  }

  async remove(artifact: TestArtifact): Promise<void> {
    this.#all.delete(artifact);
    await this.#list(artifact);
    await this.#ask(`manifests/${artifact.digest}`, { method: 'DELETE' });
  }

  async #list(artifact: TestArtifact): Promise<void> {
    const subject = subjectOf(artifact);
    if (!subject) return;
    const referring = [...this.#all].filter((one) => subjectOf(one) === subject);
    const manifests = new Map(referring.map(({ digest, manifest }) => [digest, manifest]));
    await this.#put(`manifests/sha256-${hexOf(subject)}`, referrersIndex([...manifests.keys()], manifests), indexType);
  }

  async #putBlob(blob: Buffer): Promise<void> {
    const { headers } = await this.#ask('blobs/uploads/', { method: 'POST' });
    const upload = new URL(headers.get('location') ?? '', this.#repository);
    upload.searchParams.set('digest', digestOf(blob));
    await this.#put(upload.href, blob, 'application/octet-stream');
  }

  async #put(path: string, bytes: Buffer, contentType: string): Promise<void> {
    await this.#ask(path, { method: 'PUT', body: new Uint8Array(bytes), headers: { 'content-type': contentType } });
  }

  async #ask(path: string, init: RequestInit): Promise<Response> {
    const answer = await fetch(new URL(path, `${this.#repository}/`), init);
    if (!answer.ok) throw new Error(`${init.method} ${path}: ${answer.status} ${await answer.text()}`);
    await answer.arrayBuffer();
    return answer;
  }
}

/** What an artifact's own manifest refers to. */
export function subjectOf({ manifest }: TestArtifact): Digest | undefined {
  const { subject } = JSON.parse(manifest.toString()) as { readonly subject?: { readonly digest: Digest } };
  return subject?.digest;
}
