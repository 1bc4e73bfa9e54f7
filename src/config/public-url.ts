import { leaf } from './leaf.ts';

/** Where clients find this server, `http(s)://host[:port][/path]`, without slash at its end. */
export const publicUrlOption = leaf<string>(
  { read: readPublicUrl, advise: advisePublicUrl },
  {
    description:
      'Where clients find this server, for the addresses that its answers name. The index needs none: its urls are relative.',
    allowed: 'a url such as https://charts.corp or https://corp/charts, without user name, "?" and "#"',
    absent: 'the address that was asked, or listen',
    example: 'https://charts.corp',
    json: { type: 'string', pattern: '^https?://[^\\s@?#]+$' },
  },
);

function readPublicUrl(written: unknown): string | undefined {
  const url = typeof written === 'string' && !/[\s@?#\\]/.test(written) ? URL.parse(written) : null;
  if (!url || !/^https?:$/.test(url.protocol) || !/^https?:\/\/[^/]/i.test(String(written))) return undefined;
  return url.pathname.includes('//') ? undefined : url.href.replace(/\/$/, '');
}

function advisePublicUrl(written: unknown): string {
  return /^[A-Za-z0-9.-]+(?::\d+)?(?:\/|$)/.test(String(written)) ? 'write it with its scheme; ' : '';
}
