import type { Judgement } from '../../src/chart/verdict.ts';
import type { Judging } from '../../src/mirror/fetching/verdicts.ts';
import type { Keyring, VerifySettings } from '../../src/mirror/settings.ts';

/** Keys that a fake judge knows, by name. */
export function keyringOf(name: string): Keyring {
  return { id: name, bytes: Buffer.from(name) };
}

export function requiring(name: string): VerifySettings {
  return { mode: 'require', keyring: keyringOf(name) };
}

export function reporting(name: string): VerifySettings {
  return { mode: 'report', keyring: keyringOf(name) };
}

/** A provenance file that a fake judge takes for signed by these keys. */
export function signedBy(...names: readonly string[]): Buffer {
  return Buffer.from(`-----BEGIN PGP SIGNED MESSAGE-----\n\nsigned by: ${names.join(' ')}\n`);
}

/** Judges by the words of `signedBy`, and remembers what it was asked: `<file name> by <keyring>`. */
export class FakeJudge {
  readonly asked: string[] = [];
  /** Awaited before an answer; may throw. */
  before: (() => Promise<void> | void) | undefined;
  /** When keys expire, by name: RFC 3339. */
  readonly expires = new Map<string, string>();
  /** What time it is, for keys that expire: epoch milliseconds. */
  nowMs: () => number = () => 0;

  readonly judge = async ({ provenance, fileName, keyring }: Judging): Promise<Judgement> => {
    this.asked.push(`${fileName} by ${keyring.id}`);
    await this.before?.();
    const [, names = ''] = /^signed by: (.*)$/m.exec(Buffer.from(provenance).toString()) ?? [];
    const until = this.expires.get(keyring.id);
    if (until !== undefined && Date.parse(until) <= this.nowMs())
      return { result: 'invalid', reason: 'it has expired' };
    const signer = { signer: keyring.id, key: 'ABCD', ...(until !== undefined && { until }) };
    if (names.split(' ').includes(keyring.id)) return { result: 'valid', ...signer };
    return { result: 'invalid', reason: `no key of ${keyring.id} signed it` };
  };
}
