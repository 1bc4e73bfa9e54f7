import { createHash } from 'node:crypto';
import { pipeline, Transform, type Readable } from 'node:stream';

import type { Descriptor } from '../chart/digest.ts';

/**
 * The bytes of `source`, whose last chunk is held back until size and digest of all of them were compared: a reader
 * either gets everything that `descriptor` promises or an error, `toError()`, before the end. Ending either stream ends
 * the other. `onVerified` is called just before the last chunk goes out.
 */
export function verifiedStream(
  source: Readable,
  descriptor: Descriptor,
  handlers: { readonly toError: () => Error; readonly onVerified: () => void },
): Readable {
  const hash = createHash('sha256');
  let size = 0;
  let held: Buffer | undefined;
  const checked = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      size += chunk.length;
      const earlier = held;
      held = chunk;
      if (size > descriptor.size) done(handlers.toError());
      else done(null, earlier);
    },
    flush(done) {
      if (size !== descriptor.size || `sha256:${hash.digest('hex')}` !== descriptor.digest)
        return done(handlers.toError());
      handlers.onVerified();
      done(null, held);
    },
  });
  // the outcome reaches the reader as the error of the stream it holds
  pipeline(source, checked, () => undefined);
  return checked;
}
