import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';

import { packTar } from 'modern-tar';
import { stringify } from 'yaml';

export interface ChartMetadata {
  readonly name: string;
  readonly version: string;
  readonly [field: string]: unknown;
}

/** A chart archive made in memory, the same bytes for the same input: `<name>/Chart.yaml`, values and a template. */
export async function chartArchive(
  chart: ChartMetadata,
  files: Readonly<Record<string, string>> = {},
): Promise<Buffer> {
  const all: Record<string, string> = {
    // Helm reads YAML 1.1, where `y` is no text
    'Chart.yaml': stringify(
      { apiVersion: 'v2', description: `A chart named ${chart.name}`, ...chart },
      { version: '1.1' },
    ),
    'values.yaml': 'replicas: 1\n',
    'templates/configmap.yaml':
      'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\ndata:\n  replicas: "{{ .Values.replicas }}"\n',
    ...files,
  };
  const tar = await packTar(
    Object.entries(all).map(([path, body]) => ({
      header: { name: `${chart.name}/${path}`, size: Buffer.byteLength(body), mtime: new Date(0), mode: 0o644 },
      body,
    })),
  );
  return gzipSync(tar);
}

/** The digest as an index writes it: bare hex. */
export function hexDigest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
