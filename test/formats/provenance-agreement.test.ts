import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { Keyrings } from '../../src/formats/keyring.ts';
import { judgeProvenance } from '../../src/formats/provenance.ts';
import { run } from '../support/process.ts';
import { provenanceCases } from '../support/provenance-cases.ts';
import { openGnupg, type Gnupg } from '../support/signing.ts';
import { needsTools, tool } from '../support/tools.ts';

const archive = Buffer.from('the bytes of an archive');
const fileName = 'a-1.0.0.tgz';
const text = `apiVersion: v2\ndescription: ünïcode\nname: a\n- dashed\n\n...\nfiles:\n  ${fileName}: ${digestOf(archive)}\n`;

describe.skipIf(needsTools('helm4', 'gpg'))('of a provenance file with', () => {
  let gpg: Gnupg;
  const keyrings = new Keyrings();

  beforeAll(async () => {
    gpg = await openGnupg(await mkdtemp(join(tmpdir(), 'cr-')));
    await writeFile(join(gpg.folder, fileName), archive);
  });
  afterAll(async () => {
    await gpg.close();
    await rm(gpg.folder, { recursive: true });
  });

  /** `helm verify` of it: its words where it refuses. */
  const helmRefuses = async (provenance: string, keyring: Uint8Array): Promise<string | undefined> => {
    await writeFile(join(gpg.folder, `${fileName}.prov`), provenance);
    await writeFile(join(gpg.folder, 'keyring.gpg'), keyring);
    const { code, stderr } = await run(tool('helm4'), ['verify', fileName, '--keyring', 'keyring.gpg'], {
      cwd: gpg.folder,
      env: { HOME: gpg.folder },
    });
    return code === 0 ? undefined : stderr;
  };

  test.each(provenanceCases)(
    '$name we say what Helm says, or are stricter on purpose',
    async ({ make, reason, stricter = false }) => {
      const [provenance, ...names] = await make(gpg, text);
      const bytes = await gpg.export(...names);
      const keyring = { id: digestOf(bytes), bytes };
      const parts = { provenance: Buffer.from(provenance), archive: digestOf(archive), fileName, keyring };
      const judgement = await judgeProvenance(parts, keyrings);
      const refused = await helmRefuses(provenance, bytes);
      expect(judgement).toMatchObject(reason === undefined ? { result: 'valid' } : { result: 'invalid' });
      expect(judgement.reason ?? '').toContain(reason ?? '');
      expect(refused === undefined).toBe(judgement.result === 'valid' || stricter);
    },
    60_000,
  );
});
