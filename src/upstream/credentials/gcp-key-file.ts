import { Fault } from '../../chart/fault.ts';

/** A Google credential file as parsed: what is not looked at here is the library's to judge. */
export type GoogleKey = Readonly<Record<string, unknown>>;

const types: ReadonlySet<unknown> = new Set([
  'service_account',
  'authorized_user',
  'external_account',
  'external_account_authorized_user',
  'impersonated_service_account',
]);

/**
 * Refuses what a file must not make us do: run a program for a token, or tell anybody but Google who we are. Where the
 * token of an `external_account` comes from, a file, a service of the machine or AWS, is the operator's to say. Faults
 * with 'unauthorized'.
 */
export function assertHarmless(upstream: string, key: GoogleKey): void {
  if (!types.has(key['type'])) {
    throw refusal(upstream, 'is of no type that is known', 'Take the key of a service account, or a file of gcloud.');
  }
  for (const [field, value] of Object.entries(key)) assertField(upstream, field, value);
}

/** The library takes every field in camel case, too. */
function assertField(upstream: string, field: string, value: unknown): void {
  const name = field.replaceAll('_', '').toLowerCase();
  if (name === 'credentialsource') {
    if (!isRecord(value) || !('executable' in value)) return;
    throw refusal(upstream, 'wants to run a program, which is never done', 'Take a source that is a file or a url.');
  }
  if (name === 'sourcecredentials' && isRecord(value)) return assertHarmless(upstream, value);
  if (name === 'universedomain' ? value === 'googleapis.com' : !isForeign(value)) return;
  throw refusal(
    upstream,
    `names a place in ${field} that is not Google's`,
    "Every url in it must be https and Google's.",
  );
}

function refusal(upstream: string, what: string, advice: string): Fault {
  return new Fault('unauthorized', `${upstream}: the Google key file ${what}.`, advice);
}

/** An address at which Google is not. */
function isForeign(value: unknown): boolean {
  if (typeof value !== 'string' || !/^\s*[a-z][a-z0-9+.-]*:\/\//i.test(value)) return false;
  const url = URL.parse(value);
  if (url?.protocol !== 'https:' || url.port !== '') return true;
  return !/^(?:accounts\.google\.com|(?:[a-z0-9-]+\.)*googleapis\.com)$/.test(url.hostname);
}

function isRecord(value: unknown): value is GoogleKey {
  return typeof value === 'object' && value !== null;
}
