const secondsPer: Readonly<Record<string, number>> = {
  ns: 1e-9,
  us: 1e-6,
  µs: 1e-6,
  μs: 1e-6,
  ms: 1e-3,
  s: 1,
  m: 60,
  h: 3600,
};

const goDuration = /^(?:\d+(?:\.\d+)?(?:ns|us|µs|μs|ms|s|m|h))+$/;
const goPart = /(\d+(?:\.\d+)?)(ns|us|µs|μs|ms|s|m|h)/g;

/**
 * How long a `Retry-After` asks to wait, in whole milliseconds rounded up: seconds, an HTTP date (RFC 9110 section
 * 10.2.3), or a Go duration such as `880.092µs`, which ghcr.io sends. Undefined for anything else.
 */
export function parseRetryAfter(text: string | undefined, nowMs: number): number | undefined {
  const value = text?.trim();
  if (!value || value.length > 64) return undefined;
  if (/^\d+(?:\.\d+)?$/.test(value)) return Math.ceil(Number(value) * 1000);
  // a header that was read as Latin-1 shows the two bytes of the micro sign one by one
  const duration = value.replaceAll('Âµ', 'µ').replaceAll('Î¼', 'μ');
  if (goDuration.test(duration)) return durationMs(duration);
  if (!/^[A-Z][a-z]{2},? .*GMT$/.test(value)) return undefined;
  const atMs = Date.parse(value);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}

function durationMs(duration: string): number {
  let seconds = 0;
  for (const [, amount, unit] of duration.matchAll(goPart)) seconds += Number(amount) * (secondsPer[unit ?? ''] ?? 0);
  // the sum of binary fractions may lie a hair above the whole number that is meant
  return Math.ceil(Number((seconds * 1000).toFixed(6)));
}
