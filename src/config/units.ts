const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const sizeUnits: Readonly<Record<string, number>> = { '': 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** A duration as people write it (`500ms`, `10s`, `2m`, `24h`, `0`) in milliseconds; undefined for anything else. */
export function parseDuration(written: unknown): number | undefined {
  if (written === 0 || written === '0') return 0;
  const parts = typeof written === 'string' ? /^(\d{1,15})(ms|s|m|h)$/.exec(written) : null;
  return scaled(parts, durationUnits);
}

/** A size as people write it (`512KiB`, `64MiB`, `1GiB`, plain bytes) in bytes; undefined for anything else. */
export function parseSize(written: unknown): number | undefined {
  const text = typeof written === 'number' ? String(written) : written;
  const parts = typeof text === 'string' ? /^(\d{1,15})(KiB|MiB|GiB|)$/.exec(text) : null;
  return scaled(parts, sizeUnits);
}

/** A share as people write it (`0%` to `100%`, whole) as a fraction, 0 to 1; undefined for anything else. */
export function parsePercentage(written: unknown): number | undefined {
  const digits = typeof written === 'string' ? /^(\d{1,2}|100)%$/.exec(written)?.[1] : undefined;
  return digits === undefined ? undefined : Number(digits) / 100;
}

function scaled(parts: RegExpExecArray | null, units: Readonly<Record<string, number>>): number | undefined {
  if (!parts) return undefined;
  const value = Number(parts[1]) * (units[parts[2] ?? ''] ?? Number.NaN);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Milliseconds the way they are written in the file, in the largest unit that is exact. */
export function formatDuration(ms: number): string {
  return ms === 0 ? '0' : inLargestUnit(ms, durationUnits);
}

/** Bytes the way they are written in the file, in the largest unit that is exact. */
export function formatSize(bytes: number): string {
  return inLargestUnit(bytes, sizeUnits);
}

function inLargestUnit(value: number, units: Readonly<Record<string, number>>): string {
  const exact = Object.entries(units).filter(([, factor]) => value % factor === 0);
  const [unit, factor] = exact.at(-1) ?? ['', 1];
  return `${value / factor}${unit}`;
}
