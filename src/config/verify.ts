import { z } from 'zod';

import type { VerifyConfig } from './config.ts';
import { KeyringFile } from './keyring.ts';
import { choice, leaf } from './leaf.ts';
import { optionNotes } from './options.ts';
import { describeValue, type OptionPath } from './problem.ts';
import type { OptionTree } from './tree.ts';

const keyring = leaf<KeyringFile>(
  { read: (written) => (written instanceof KeyringFile ? written : undefined) },
  {
    description:
      'The file of the public keys that count, as "gpg --export" writes them, with --armor or without. Read again when it changes.',
    allowed: 'a path',
    readable: 'keyring',
    json: { type: 'string' },
    absent: 'an error, unless mode is off',
    example: 'pubring.gpg',
  },
);

/** `verify` of an upstream. */
export const verifyOption = z
  .strictObject({
    keyring: keyring.optional(),
    mode: choice(['off', 'report', 'require'], {
      description:
        'require refuses versions whose provenance is missing or bad, and lists them no more once that is known; report only tells which those are; off checks nothing.',
      default: 'require',
      example: 'report',
    }).prefault('require'),
  })
  .register(optionNotes, {
    description:
      'Check the provenance of the charts (helm package --sign) as helm verify does. For an upstream that signs its charts: who took over its site, but not its key, can then publish nothing here.',
    allowed: 'a mapping with keyring, mode or both',
    absent: 'nothing is checked',
    example: { keyring: 'pubring.gpg' },
  });

/** What `verify` of an upstream, or of `defaults`, says together. */
export function checkVerify(tree: OptionTree, options: OptionPath): void {
  const path = [...options, 'verify'];
  const verify = tree.at(...path);
  if (typeof verify !== 'object' || verify === null || Array.isArray(verify)) return;
  const found = tree.at(...path, 'keyring');
  const mode = tree.at(...path, 'mode');
  if (found === undefined && mode !== 'off') {
    tree.reportMissing([...path, 'keyring'], 'it is missing; expected the path of a file of public keys, or mode: off');
  }
  if (!(found instanceof KeyringFile) || mode === 'off' || found.count?.usable !== 0) return;
  const doubt = `no key in ${describeValue(found.path)} is valid for signing now: each has expired, was revoked or is for something else`;
  tree.warn([...path, 'keyring'], doubt);
}

/** How provenance is checked; undefined where it is not. */
export function resolveVerify(written: z.output<typeof verifyOption> | undefined): VerifyConfig | undefined {
  if (written?.keyring === undefined || written.mode === 'off') return undefined;
  return { mode: written.mode, keyring: written.keyring };
}
