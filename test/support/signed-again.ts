import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { freshHelm } from './helm.ts';
import { runOk } from './process.ts';
import { sharedData } from './shared-data.ts';
import { createSigningKey, type SigningKey } from './signing.ts';
import { tool } from './tools.ts';

/** Real signed charts as a chart repository. */
export interface SignedAgain {
  /** Holds `index.yaml`, the archives and what was signed of them. */
  readonly folder: string;
  readonly key: SigningKey;
  /** Archives with a provenance file that is true, as `<chart>-<version>`. */
  readonly good: readonly string[];
  /** Those whose provenance file names other bytes, as their project published it. */
  readonly bad: readonly string[];
  /** Some without a provenance file. */
  readonly unsigned: readonly string[];
}

/** Published with signed contents that name other bytes than the archive beside it has. */
const mismatched = ['loki-0.25.3', 'loki-stack-0.33.0', 'promtail-0.19.2'];
const unsigned = ['fluent-bit-0.0.1', 'loki-0.8.0', 'promtail-0.6.0'];

/**
 * The signed charts of Grafana with each archive and each signed text as it was published, but signed by a key of our own:
 * the key that signed them is no longer published. All of them, or only some; `folder` is a new one with a short path.
 */
export async function signAgain(folder: string, only?: readonly string[]): Promise<SignedAgain> {
  const packages = join(sharedData('grafana'), 'packages');
  const key = await createSigningKey(folder);
  const charts = join(folder, 'charts');
  await mkdir(charts);
  const files = await readdir(packages);
  const signed = files.filter((file) => file.endsWith('.prov')).map((file) => basename(file, '.tgz.prov'));
  const names = only ?? signed;
  const env = { PATH: process.env['PATH'], GNUPGHOME: join(folder, 'gnupg') };
  for (const name of names) {
    const text = join(folder, 'text');
    await writeFile(text, signedText(await readFile(join(packages, `${name}.tgz.prov`), 'utf8')));
    const to = ['--output', join(charts, `${name}.tgz.prov`), '--clearsign', text];
    await runOk(tool('gpg'), ['--batch', '--pinentry-mode', 'loopback', '--passphrase', '', ...to], { env });
  }
  await runOk('gpgconf', ['--kill', 'all'], { env });
  for (const name of [...names, ...(only ? [] : unsigned)]) {
    await symlink(join(packages, `${name}.tgz`), join(charts, `${name}.tgz`));
  }
  const helm = await freshHelm(4);
  await helm.ok('repo', 'index', charts);
  await helm.remove();
  return { folder: charts, key, good: names.filter((name) => !mismatched.includes(name)), bad: mismatched, unsigned };
}

/** What a clear-signed message says (RFC 9580 section 7). */
function signedText(message: string): string {
  const [, text = ''] =
    /^-----BEGIN PGP SIGNED MESSAGE-----\n.*?\n\n(.*)\n-----BEGIN PGP SIGNATURE-----/s.exec(message) ?? [];
  return `${text.replaceAll(/^- /gm, '')}\n`;
}
