import type * as openpgp from 'openpgp';

/** The library, and the rules by which signatures count. */
export interface OpenPgp {
  readonly library: typeof openpgp;
  readonly config: openpgp.Config;
}

/** Loads the library, which takes 15 MB: only where something is to be verified. */
export async function loadOpenPgp(): Promise<OpenPgp> {
  const library = await import('openpgp');
  return { library, config: { ...library.config, ...rulesOfHelm(library) } };
}

/** What Helm lets count (github.com/ProtonMail/go-crypto), so that both come to the same: SHA-1 and DSA still do there. */
function rulesOfHelm({ enums }: typeof openpgp): openpgp.PartialConfig {
  return {
    rejectMessageHashAlgorithms: new Set([enums.hash.md5, enums.hash.ripemd]),
    rejectPublicKeyAlgorithms: new Set([enums.publicKey.elgamal]),
    minRSABits: 1024,
    // a key that was prolonged has a new signature of its own, which is younger than what it signed before
    allowInsecureVerificationWithReformattedKeys: true,
    // one key that nobody can read must not cost the others of its keyring
    ignoreMalformedPackets: true,
  };
}
