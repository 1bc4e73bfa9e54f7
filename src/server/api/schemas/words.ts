import { z } from 'zod';

import type { Descriptor, Digest } from '../../../chart/digest.ts';
import { faultCodes } from '../../../chart/fault.ts';
import type { FaultReport, ProvenanceReport } from '../../../mirror/contract/operator.ts';
import { describing } from '../exact.ts';

/** RFC 3339. */
export const time = z.string().meta({ format: 'date-time', examples: ['2026-11-21T10:02:00Z'] });

/** How many of something. */
export const count = z.int().nonnegative();

/** Of bytes. */
export const digest = describing<Digest>()(
  z.templateLiteral(['sha256:', z.string().regex(/^[0-9a-f]{64}$/)]).meta({
    id: 'Digest',
    description: 'sha256 of bytes, in lower case.',
    examples: [`sha256:${'0123456789abcdef'.repeat(4)}`],
  }),
);

/** The descriptor of the OCI specification. */
export const descriptor = describing<Descriptor>()(
  z.strictObject({ mediaType: z.string(), digest, size: count }).meta({
    id: 'Descriptor',
    description: 'Names bytes and says how many there are.',
  }),
);

/** How many of each kind, by name. */
export const tally = z.record(z.string(), count);

const words = {
  message: z.string().meta({ description: 'What happened, in one sentence.' }),
  advice: z.string().meta({ description: 'What to do, in another.' }),
};

/** A fault. */
export const fault = describing<FaultReport>()(
  z.strictObject({ code: z.enum(faultCodes), ...words }).meta({
    id: 'Fault',
    description: 'What went wrong. The codes are closed and stable.',
  }),
);

/** What becomes of charts whose provenance is not valid. */
export const verifyMode = z.enum(['report', 'require']).meta({
  description: '`report`: it is told. `require`: they are refused as well.',
});

/** The provenance of one version. */
export const provenance = describing<ProvenanceReport>()(
  z
    .strictObject({
      result: z.enum(['valid', 'missing', 'invalid', 'unjudged', 'unchecked']).meta({
        description:
          '`unjudged`: there is no verdict by the present keyring yet. `unchecked`: its upstream has no `verify`.',
      }),
      mode: verifyMode.optional(),
      signer: z.string().optional().meta({ description: 'Who signed it, as the key says.' }),
      key: z.string().optional().meta({ description: 'The fingerprint of that key.' }),
      reason: z.string().optional().meta({ description: 'Why it is not valid, in words that follow "because".' }),
      available: z.boolean().optional().meta({
        description: 'Whether there is a provenance file; absent while the upstream was not asked.',
      }),
    })
    .meta({ id: 'Provenance', description: 'Whether it is signed, and by whom.' }),
);

/** Every answer that is no success. */
export const errorAnswer = z
  .strictObject({ error: z.strictObject({ code: z.enum([...faultCodes, 'internal']), ...words }) })
  .meta({
    id: 'Error',
    description: 'What went wrong. `internal` is what nobody foresaw; the log has more.',
    examples: [
      {
        error: {
          code: 'not-found',
          message: 'There is no repository stabel here.',
          advice: 'Is stable meant? There are stable, edge.',
        },
      },
    ],
  });
