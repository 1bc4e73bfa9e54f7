import { readFile } from 'node:fs/promises';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';

import { onTestFinished } from 'vitest';

import { Secret } from '../../../src/lib/secret.ts';
import type { ProxySettings } from '../../../src/upstream/http/proxy.ts';
import { openInternet, type Internet, type Site } from '../internet.ts';

/** Hosts that the SDKs in this very process reach, and trust until the test is over. */
export interface Reached extends Internet {
  /** The way to them. */
  readonly settings: ProxySettings;
}

/** Opens them, by their real names. */
export async function reachable(sites: Readonly<Record<string, Site>>): Promise<Reached> {
  const internet = await openInternet(sites);
  const before = getCACertificates('default');
  setDefaultCACertificates([...before, await readFile(internet.caFile, 'utf8')]);
  onTestFinished(() => setDefaultCACertificates(before));
  return { ...internet, settings: { https: Secret.of(internet.proxy), noProxy: '' } };
}
