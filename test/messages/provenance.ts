import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { chartArchive } from '../support/charts.ts';
import { createSigner } from '../support/signer.ts';
import { temporaryFolder } from '../support/temp.ts';
import { demoRepository, nexus } from './fixtures.ts';
import type { Example, Told } from './program.ts';

/** What the archive of `demo` 1.0.0 is answered with where upstream has this beside it. */
async function withProvenance(provenance: Buffer | undefined): Promise<Told> {
  const repository = await demoRepository();
  repository.on('/demo-1.0.0.tgz.prov', provenance ? { body: provenance } : { status: 404 });
  const keyring = join(await temporaryFolder(), 'pubring.gpg');
  await writeFile(keyring, (await createSigner('trusted')).keyring.bytes);
  const program = await nexus(repository.origin, { verify: { keyring } });
  await program.sync('nexus');
  return program.get('/charts/demo/demo-1.0.0.tgz');
}

async function byStranger(): Promise<Told> {
  const archive = await chartArchive({ name: 'demo', version: '1.0.0' });
  return withProvenance(await (await createSigner('stranger')).sign('demo', '1.0.0', archive));
}

/** The fault of charts that are not signed as they must be. */
export const provenance = {
  'provenance-invalid': [
    {
      when: 'a chart that must be signed is not',
      happens: () => withProvenance(undefined),
      status: 403,
      says: 'nexus: the provenance of demo 1.0.0 is not accepted, because nexus has no provenance file for it. Have its publisher sign it.',
    },
    {
      when: 'somebody signed it whom nobody here trusts',
      happens: byStranger,
      status: 403,
      says: /^nexus: the provenance of demo 1\.0\.0 is not accepted, because no key of the keyring signed it \(.*\)\. Ask its publisher; where only the key is new/,
    },
  ],
} satisfies Record<string, readonly Example[]>;
