import { gzipSync } from 'node:zlib';

import { chartArchive, hexDigest } from '../support/charts.ts';
import { demoRow, indexOf, nexus, demoRepository, withArchive } from './fixtures.ts';
import type { Example, Told } from './program.ts';

const digest = (hex: string): string => `sha256:${hex}`;
const promised = 'a'.repeat(64);

async function ofAnotherChart(): Promise<Told> {
  return withArchive({ body: await chartArchive({ name: 'other', version: '2.0.0' }) });
}

/** The faults of bytes that are not what they should be. */
export const archives = {
  'digest-mismatch': [
    {
      when: 'an archive is not the bytes that its index promised',
      happens: async () =>
        withArchive({ body: await chartArchive({ name: 'demo', version: '1.0.0' }) }, demoRow(promised)),
      says: new RegExp(
        `^nexus: the archive of demo 1\\.0\\.0 has the digest sha256:[0-9a-f]{64}, its listing promised ${digest(promised)}\\. It is not served\\. `,
      ),
    },
  ],
  'archive-invalid': [
    {
      when: 'an archive is none',
      happens: () => withArchive({ body: 'not a chart at all' }),
      says: /^nexus: the archive of demo 1\.0\.0 cannot be unpacked: .*\. Where the transfer was cut, the next attempt mends it; /,
    },
    {
      when: 'an archive has nothing of a chart in it',
      happens: () => withArchive({ body: gzipSync(Buffer.alloc(1024)) }),
      says: /^nexus: the archive of demo 1\.0\.0 is empty\. /,
    },
    {
      when: 'another chart is inside',
      happens: ofAnotherChart,
      says: /^nexus: the archive of demo 1\.0\.0 holds "other" "2\.0\.0"\. The upstream mixed up its charts, /,
    },
  ],
  'too-large': [
    {
      when: 'an archive is over the limit',
      happens: () => withArchive({ body: Buffer.alloc(4096) }, demoRow(), { maxArchiveBytes: '1KiB' }),
      says: 'nexus: the archive of demo 1.0.0 is larger than 1024 bytes. Raise maxArchiveBytes of this upstream if the chart is meant to be that large.',
    },
  ],
} satisfies Readonly<Record<string, readonly Example[]>>;

/** A version that is held, and that its upstream lists with other bytes now. */
export async function rewrittenVersion() {
  const first = await chartArchive({ name: 'demo', version: '1.0.0' });
  const second = await chartArchive({ name: 'demo', version: '1.0.0', description: 'another' });
  const repository = await demoRepository({ body: first });
  const program = await nexus(repository.origin, { mirror: 'all' });
  await program.fill('nexus');
  repository.on('/index.yaml', indexOf([demoRow(hexDigest(second))]));
  repository.on('/demo-1.0.0.tgz', { body: second });
  await program.fill('nexus');
  return { program, held: digest(hexDigest(first)), claimed: digest(hexDigest(second)) };
}
