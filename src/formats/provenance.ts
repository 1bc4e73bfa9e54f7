import type { CleartextMessage, KeyID, PublicKey, SignaturePacket } from 'openpgp';

import type { Digest } from '../chart/digest.ts';
import type { Judgement } from '../chart/verdict.ts';
import { isOneSignedMessage } from './clear-signed.ts';
import { Keyrings, type Keyring } from './keyring.ts';
import { loadOpenPgp } from './openpgp.ts';
import { parseYamlText } from './safe-yaml.ts';

/** What is judged. */
export interface ProvenanceParts {
  readonly provenance: Uint8Array;
  /** Of the archive that it should be of, and how Helm calls that. */
  readonly archive: Digest;
  readonly fileName: string;
  readonly keyring: Keyring;
}

/** Why a provenance file is not valid, in words that follow "because". */
class NotValid extends Error {
  override readonly name = 'NotValid';
  /** When that may change. */
  readonly until: Date | undefined;

  constructor(reason: string, until?: Date) {
    super(reason);
    this.until = until;
  }
}

const maxBytes = 1024 * 1024;
const maxSignatures = 32;
/** Much more than as many take: what is no signature takes long to be skipped. */
const maxArmourBytes = 128 * 1024;

/**
 * Judges a provenance file as `helm verify` does (helm.sh/helm/v4 pkg/provenance): its text is signed by a key that counts
 * now, and names the archive with its digest. `keyrings` remembers those that were read. Rejects only for a keyring that
 * is none.
 */
export async function judgeProvenance(parts: ProvenanceParts, keyrings = new Keyrings()): Promise<Judgement> {
  const keys = await keyrings.keysOf(parts.keyring);
  try {
    const { text, key, until } = await verify(parts, keys);
    checkFiles(text, parts);
    const signer = { signer: await userOf(key), key: key.getFingerprint().toUpperCase() };
    return { result: 'valid', ...signer, ...lasting(until) };
  } catch (error) {
    if (!(error instanceof NotValid)) throw error;
    return { result: 'invalid', reason: error.message, ...lasting(error.until) };
  }
}

function lasting(until: Date | undefined): Pick<Judgement, 'until'> {
  return until ? { until: until.toISOString() } : {};
}

interface Signed {
  /** What was signed, and nothing else. */
  readonly text: string;
  readonly key: PublicKey;
  /** When its key or the signature expires. */
  readonly until: Date | undefined;
}

/** Of several signatures the first one by a key of the keyring decides, as in Helm. */
async function verify(parts: ProvenanceParts, keys: readonly PublicKey[]): Promise<Signed> {
  const message = await readMessage(parts.provenance);
  const issuers = message.getSigningKeyIDs().filter((id): id is KeyID => id !== undefined);
  if (issuers.length > maxSignatures) throw new NotValid(`it has more than ${maxSignatures} signatures`);
  const issuer = issuers.find((id) => keysBy(id, keys).length > 0);
  if (!issuer) throw unknownKey(issuers, message.getText(), parts);
  let failure = notSound(undefined);
  for (const key of keysBy(issuer, keys)) {
    const signed = await verifyBy(key, issuer, message);
    if (!(signed instanceof NotValid)) return signed;
    failure = signed;
  }
  throw failure;
}

async function verifyBy(key: PublicKey, issuer: KeyID, message: CleartextMessage): Promise<Signed | NotValid> {
  const { config } = await loadOpenPgp();
  let made: SignaturePacket | undefined;
  try {
    const signatures = await message.verify([key], undefined, config);
    const signature = signatures.find(({ keyID }) => keyID.equals(issuer));
    made = (await signature?.signature)?.packets[0];
    if ((await signature?.verified) !== true) return notSound(undefined);
    // as Helm: a key counts as long as it is one, whenever it signed
    const signing = await key.getSigningKey(issuer, undefined, undefined, config);
    const ends = await Promise.all([key, signing].map((one) => one.getExpirationTime(undefined, config)));
    return { text: message.getText(), key, until: firstOf([...ends, made?.getExpirationTime()]) };
  } catch (error) {
    return notSound(error, made?.created);
  }
}

function firstOf(times: readonly unknown[]): Date | undefined {
  return times.filter((time) => time instanceof Date).toSorted((a, b) => a.getTime() - b.getTime())[0];
}

async function readMessage(provenance: Uint8Array) {
  if (provenance.length > maxBytes) throw new NotValid('it is larger than 1 MiB');
  if (!isOneSignedMessage(provenance)) throw new NotValid('it is no signed message, or has more beside it');
  if (provenance.length - Buffer.from(provenance).lastIndexOf('-----BEGIN') > maxArmourBytes)
    throw new NotValid('its signature is larger than 128 KiB');
  const { library, config } = await loadOpenPgp();
  const cleartextMessage = Buffer.from(provenance).toString('utf8');
  return library.readCleartextMessage({ cleartextMessage, config }).catch(() => {
    throw new NotValid('its signature cannot be read');
  });
}

/** Whoever signed it, it is of no use for other bytes: a key more would not help. */
function unknownKey(issuers: readonly KeyID[], text: string, parts: ProvenanceParts): NotValid {
  const reason = `no key of the keyring signed it (${namesOf(issuers)})`;
  try {
    checkFiles(text, parts);
    return new NotValid(reason);
  } catch (error) {
    return new NotValid(error instanceof NotValid ? `${reason}, and ${error.message}` : reason);
  }
}

/** An id of zeroes stands for any key in messages, never here. */
function keysBy(issuer: KeyID, keys: readonly PublicKey[]): readonly PublicKey[] {
  return keys.filter((key) => key.getKeyIDs().some((id) => id.equals(issuer)));
}

function namesOf(issuers: readonly KeyID[]): string {
  const names = issuers.slice(0, 3).map((id) => id.toHex().toUpperCase());
  return names.length === 0 ? 'it has no signature that can be read' : `key ${names.join(', ')}`;
}

async function userOf(key: PublicKey): Promise<string | undefined> {
  const primary = await key.getPrimaryUser().catch(() => undefined);
  // it goes to terminals, too
  return primary?.user.userID?.userID.replace(/\p{Cc}+/gu, ' ');
}

const inTheFuture = /in the future/i;

/** What the library says, in our words: its own may quote the file. */
const reasons: readonly (readonly [said: RegExp, reason: string])[] = [
  [/key is revoked/i, 'the key that signed it was revoked'],
  [/key is expired/i, 'the key that signed it has expired'],
  [/signature is expired/i, 'the signature has expired'],
  [inTheFuture, 'the signature is dated in the future'],
  [/newer than the signature/i, 'the signature is dated before its key'],
  [/digest did not match|verification failed/i, 'the signature does not fit its text'],
  [/insecure|too weak/i, 'its signature is too weak'],
  [/cannot find module|is disabled|unsupported/i, 'the key that signed it is of a kind that cannot be checked here'],
  [/valid signing key packet|key flags/i, 'the key that signed it is not for signing'],
];

function notSound(failure: unknown, signedAt?: Date | null): NotValid {
  const said = failure instanceof Error ? failure.message : '';
  const reason = reasons.find(([pattern]) => pattern.test(said))?.[1] ?? 'its signature is not sound';
  // whose clock is ahead of ours signs no less
  return new NotValid(reason, inTheFuture.test(said) && signedAt ? signedAt : undefined);
}

/** The text is the chart's metadata, a line of three dots, and the digests of files (helm.sh/docs/topics/provenance). */
function checkFiles(text: string, { fileName, archive }: ProvenanceParts): void {
  const [, sums] = text.split('\n...\n');
  if (sums === undefined) throw new NotValid('it lists no files');
  const signed = filesOf(sums).get(fileName);
  if (signed === undefined) throw new NotValid(`it names no file ${fileName}`);
  if (signed !== archive) throw new NotValid('it was signed for other bytes');
}

function filesOf(sums: string): ReadonlyMap<string, unknown> {
  try {
    const { files } = Object(parseYamlText(sums)) as { readonly files?: unknown };
    return new Map(Object.entries(Object(files) as object));
  } catch {
    throw new NotValid('its list of files cannot be read');
  }
}
