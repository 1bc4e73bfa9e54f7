import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { createCertificates } from '../../support/certificates.ts';
import { runOk } from '../../support/process.ts';
import { tool } from '../../support/tools.ts';

interface KeyPair {
  readonly key: string;
  readonly cert: string;
}

/** Certificates for 127.0.0.1 by an authority of our own, and some that nobody should trust. */
export interface SoakCertificates {
  /** Of the authority. */
  readonly caFile: string;
  readonly good: KeyPair;
  readonly expired: KeyPair;
  readonly otherHost: KeyPair;
  readonly selfSigned: KeyPair;
}

/** Makes them below `folder`. */
export async function createSoakCertificates(folder: string): Promise<SoakCertificates> {
  const { caFile, certFile, keyFile } = await createCertificates(folder);
  const key = await readFile(keyFile, 'utf8');
  const openssl = (...args: readonly string[]): Promise<string> => runOk(tool('openssl'), args, { cwd: folder });
  const certificate = async (name: string, subject: string, signing: readonly string[]): Promise<KeyPair> => {
    await writeFile(join(folder, `${name}.ext`), `subjectAltName=${subject}\nbasicConstraints=critical,CA:FALSE\n`);
    const request = ['-key', keyFile, '-subj', '/CN=chartroom', '-out', `${name}.csr`];
    await openssl('req', '-new', ...request);
    await openssl('x509', '-req', '-in', `${name}.csr`, '-extfile', `${name}.ext`, '-out', `${name}.pem`, ...signing);
    return { key, cert: await readFile(join(folder, `${name}.pem`), 'utf8') };
  };
  const byUs = ['-CA', caFile, '-CAkey', join(folder, 'ca.key'), '-CAcreateserial'];
  return {
    caFile,
    good: { key, cert: await readFile(certFile, 'utf8') },
    // its last day is the day before it was made
    expired: await certificate('expired', 'IP:127.0.0.1', [...byUs, '-days', '-1']),
    otherHost: await certificate('other-host', 'DNS:elsewhere.test', [...byUs, '-days', '2']),
    selfSigned: await certificate('self-signed', 'IP:127.0.0.1', ['-signkey', keyFile, '-days', '2']),
  };
}
