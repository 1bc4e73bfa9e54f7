import { join } from 'node:path';

import { runOk } from './process.ts';
import { tool } from './tools.ts';

/** PEM files of a certificate for the loopback interface and of the authority that signed it. */
export interface Certificates {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** Makes an authority of our own and a certificate by it for 127.0.0.1 and localhost, in `folder`. */
export async function createCertificates(folder: string): Promise<Certificates> {
  const authority = await createAuthority(folder);
  return { caFile: authority.caFile, ...(await authority.sign()) };
}

/** An authority of our own. */
export interface Authority {
  /** PEM file of its certificate. */
  readonly caFile: string;
  /** Makes a key and a certificate for `names`, as `IP:127.0.0.1` or `DNS:nexus.corp`; the loopback interface when absent. */
  sign(file?: string, names?: readonly string[]): Promise<Pick<Certificates, 'certFile' | 'keyFile'>>;
}

/** Makes one in `folder`. */
export async function createAuthority(folder: string, name = 'Chartroom test authority'): Promise<Authority> {
  const [caFile, caKey] = [join(folder, 'ca.pem'), join(folder, 'ca.key')];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const request = (...args: readonly string[]) => runOk(tool('openssl'), ['req', '-x509', ...key, ...args]);
  await request('-keyout', caKey, '-out', caFile, '-subj', `/CN=${name}`);
  return {
    caFile,
    sign: async (file = 'tls', names = ['IP:127.0.0.1', 'DNS:localhost']) => {
      const [certFile, keyFile] = [join(folder, `${file}.crt`), join(folder, `${file}.key`)];
      await request(
        ...['-keyout', keyFile, '-out', certFile, '-subj', '/CN=chartroom'],
        ...['-CA', caFile, '-CAkey', caKey],
        ...['-addext', `subjectAltName=${names.join(',')}`, '-addext', 'basicConstraints=critical,CA:FALSE'],
      );
      return { certFile, keyFile };
    },
  };
}
