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
  const files = { caFile: join(folder, 'ca.pem'), certFile: join(folder, 'tls.crt'), keyFile: join(folder, 'tls.key') };
  const caKey = join(folder, 'ca.key');
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const request = (...args: readonly string[]) => runOk(tool('openssl'), ['req', '-x509', ...key, ...args]);
  await request('-keyout', caKey, '-out', files.caFile, '-subj', '/CN=Chartroom test authority');
  await request(
    ...['-keyout', files.keyFile, '-out', files.certFile, '-subj', '/CN=chartroom'],
    ...['-CA', files.caFile, '-CAkey', caKey],
    ...['-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost', '-addext', 'basicConstraints=critical,CA:FALSE'],
  );
  return files;
}
