import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

/**
 * What Node alone can do: one process, one Buffer, sent with fixed headers to every request, or 304 to who has it. Run
 * with a port and a JSON file that holds `PlainAnswer`.
 */
export interface PlainAnswer {
  readonly bodyFile: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly notModifiedHeaders: Readonly<Record<string, string>>;
}

if (import.meta.main) {
  const [port = '', file = ''] = process.argv.slice(2);
  const { bodyFile, headers, notModifiedHeaders } = JSON.parse(readFileSync(file, 'utf8')) as PlainAnswer;
  const body = readFileSync(bodyFile);
  const { etag } = headers;
  createServer((request, response) => {
    if (request.headers['if-none-match'] === etag) response.writeHead(304, notModifiedHeaders).end();
    else response.writeHead(200, headers).end(body);
  }).listen(Number(port), '127.0.0.1');
}
