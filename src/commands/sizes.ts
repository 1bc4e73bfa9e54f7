const units = ['KiB', 'MiB', 'GiB', 'TiB'];

/** A number of bytes for people: `512 bytes`, `1.2 MiB`. */
export function describeBytes(bytes: number): string {
  if (bytes < 1024) return bytes === 1 ? '1 byte' : `${bytes} bytes`;
  let size = bytes / 1024;
  let unit = 0;
  // what is shown as 1024 of a unit is one of the next
  while (size >= 1023.95 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${size.toFixed(1)} ${units[unit]}`;
}
