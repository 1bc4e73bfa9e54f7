import { expect, it } from 'vitest';

import { asFault, Fault, plainFault, reviveFault } from '../../src/chart/fault.ts';

const fault = new Fault('rate-limited', 'nexus: slow down.', 'Wait.', {
  retryAfterMs: 1500,
  timedOut: true,
  cause: new Error('a secret may be in here'),
});

it('a fault crosses to another thread with its words and numbers, and without its cause', () => {
  const plain = structuredClone(plainFault(fault));
  expect(JSON.stringify(plain)).not.toContain('secret');
  const revived = reviveFault(plain);
  expect(revived).toBeInstanceOf(Fault);
  expect({ ...plainFault(revived), cause: revived.cause }).toEqual({ ...plainFault(fault), cause: undefined });
});

it('a fault without a time to wait has none on the other side either', () => {
  const revived = reviveFault(plainFault(new Fault('not-found', 'No.', 'Ask for another.')));
  expect(revived).toMatchObject({ timedOut: false, retryAfterMs: undefined, code: 'not-found' });
});

it('an error that is a fault stays the one it is, and any other becomes what it is told to', () => {
  const other = new Fault('unavailable', 'Something.', 'Wait.');
  expect(asFault(fault, () => other)).toBe(fault);
  expect(asFault(new Error('x'), () => other)).toBe(other);
});
