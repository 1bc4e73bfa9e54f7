import { describe, expect, test } from 'vitest';

import { Fault, type FaultCode } from '../../src/chart/fault.ts';
import { breachesOf } from '../support/api-description.ts';
import { chartSummary, repositoryInfo, versionDetails } from '../support/fake-library.ts';
import { segments } from './hostile-segments.ts';
import { openDoors } from './open-doors.ts';

const all = '/api/v1/repositories/all';

async function doorsWithCharts(count = 3) {
  const doors = await openDoors();
  doors.library.summaries = Array.from({ length: count }, (_, at) => chartSummary(`chart-${at}`));
  doors.library.details = [versionDetails('demo', '1.0.0+a'), versionDetails('demo', '0.9.0')];
  const read = async (path: string, headers: Readonly<Record<string, string>> = {}) => {
    const answer = await doors.ask(path, { headers });
    const body: unknown = answer.body.length === 0 ? undefined : JSON.parse(answer.body.toString());
    if (body !== undefined) expect(breachesOf('GET', path, answer.status, body)).toEqual([]);
    return { ...answer, body };
  };
  return { ...doors, read };
}

describe('the read API', () => {
  test('lists the repositories, and shows one', async () => {
    const { read, library } = await doorsWithCharts();
    library.list = [repositoryInfo('stable', { root: true }), repositoryInfo('edge', { etag: undefined })];

    expect((await read('/api/v1/repositories')).body).toEqual(
      JSON.parse(JSON.stringify({ repositories: library.list })),
    );
    expect((await read('/api/v1/repositories/edge')).body).toMatchObject({ name: 'edge', root: false });
  });

  test('lists the versions of a chart', async () => {
    const { read } = await doorsWithCharts();

    expect((await read(`${all}/charts/demo`)).body).toMatchObject({
      repository: 'all',
      chart: 'demo',
      versions: [{ version: '1.0.0+a' }, { version: '0.9.0' }],
    });
  });

  test.each(['1.0.0+a', '1.0.0%2Ba'])('shows one version: %s', async (written) => {
    const { read, library } = await doorsWithCharts();

    expect((await read(`${all}/charts/demo/${written}`)).body).toMatchObject({
      repository: 'all',
      chart: 'demo',
      version: '1.0.0+a',
      documents: { readme: '# demo' },
    });
    expect(library.versionsAsked).toEqual([{ repository: 'all', chart: 'demo', version: '1.0.0+a' }]);
  });

  test('explains', async () => {
    const { read, library } = await doorsWithCharts();
    await read('/api/v1/explain?repository=all&chart=demo&version=1.0.0%2Ba');
    await read('/api/v1/explain?repository=&chart=demo&version=');

    expect(library.explained).toEqual([
      { repository: 'all', chart: 'demo', version: '1.0.0+a' },
      { repository: undefined, chart: 'demo', version: undefined },
    ]);
  });

  test.each([
    '/api/v1/repositories/nobody',
    '/api/v1/repositories/__proto__',
    '/api/v1/repositories/nobody/charts',
    '/api/v1/repositories/nobody/charts/demo',
    '/api/v1/repositories/nobody/charts/demo/1.0.0',
    '/api/v1/repositories/ALL/charts',
    `${all}/charts/nothing`,
    `${all}/charts/demo/9.9.9`,
  ])('answers %s with 404', async (path) => {
    const { read } = await doorsWithCharts();
    const { status, body } = await read(path);

    expect([status, body]).toMatchObject([404, { error: { code: 'not-found' } }]);
  });

  test.each<[FaultCode, number, string]>([
    ['denied', 403, `${all}/charts/demo/1.0.0`],
    ['not-found', 404, `${all}/charts/demo/1.0.0`],
    ['upstream-failed', 502, `${all}/charts/demo/1.0.0`],
    ['store-failed', 503, `${all}/charts/demo/1.0.0`],
    ['unavailable', 503, `${all}/charts`],
    ['unavailable', 503, `${all}/charts/demo`],
    ['bad-request', 400, '/api/v1/explain?chart=%20'],
    ['not-found', 404, '/api/v1/explain?chart=demo&repository=x'],
  ])('answers %s with %i on %s, as it is described', async (code, status, path) => {
    const { read, library } = await doorsWithCharts();
    library.trouble = new Fault(code, 'Something happened.', 'Do something.');
    const answer = await read(path);

    expect(answer.status).toBe(status);
    expect(answer.body).toEqual({ error: { code, message: 'Something happened.', advice: 'Do something.' } });
    expect(answer.headers['retry-after']).toBe(status === 503 ? '5' : undefined);
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store' });
  });

  test('answers 504 when an upstream is too slow, and 500 to what nobody foresaw', async () => {
    const { read, library, lines } = await doorsWithCharts();
    library.trouble = new Fault('upstream-failed', 'Slow.', 'Wait.', { timedOut: true });
    expect((await read(`${all}/charts/demo/1.0.0`)).status).toBe(504);
    library.trouble = new Error('secret words');
    const answer = await read(`${all}/charts`);

    expect([answer.status, JSON.stringify(answer.body)]).toEqual([500, expect.not.stringContaining('secret')]);
    expect(lines).toHaveLength(1);
  });

  test('is in the access log with the repository, the chart and the version', async () => {
    const { ask, lines, library } = await openDoors({ level: 'info' });
    library.details = [versionDetails('demo', '1.0.0')];
    await ask(`${all}/charts/demo/1.0.0`);

    expect(lines).toMatchObject([{ door: 'api', repository: 'all', chart: 'demo', version: '1.0.0', status: 200 }]);
  });
});

describe('a list of charts', () => {
  test('has 50 entries unless another limit is asked for', async () => {
    const { read, library } = await doorsWithCharts(60);
    await read(`${all}/charts`);
    await read(`${all}/charts?search=c&offset=7&limit=500`);
    await read(`${all}/charts?search=`);

    expect(library.queries).toEqual([
      { search: '', offset: 0, limit: 50 },
      { search: 'c', offset: 7, limit: 500 },
      { search: '', offset: 0, limit: 50 },
    ]);
  });

  test('leads to what follows, until nothing does', async () => {
    const { read } = await doorsWithCharts(6);
    const pages: unknown[] = [];
    let path: string | undefined = `${all}/charts?search=chart-&limit=3`;
    while (path !== undefined) {
      const { body, headers } = await read(path);
      pages.push(body);
      const [, next] = /^<([^>]+)>; rel="next"$/.exec(String(headers['link'] ?? '')) ?? [];
      const here = new URL(path, 'http://charts.corp');
      path = next === undefined ? undefined : new URL(next, here).href.slice(here.origin.length);
    }

    expect(pages).toMatchObject([
      { total: 6, offset: 0, limit: 3, charts: [{ name: 'chart-0' }, { name: 'chart-1' }, { name: 'chart-2' }] },
      { total: 6, offset: 3, limit: 3, charts: [{ name: 'chart-3' }, { name: 'chart-4' }, { name: 'chart-5' }] },
    ]);
  });

  test('takes any words, and writes them into the way on as they have to be', async () => {
    const { read, library } = await doorsWithCharts(0);
    library.summaries = [chartSummary('a&b="<ü>" c'), chartSummary('a&b="<ü>" cd')];
    const { headers } = await read(`${all}/charts?limit=1&search=${encodeURIComponent('a&b="<ü>" c')}`);

    expect(headers['link']).toBe('<?search=a%26b%3D%22%3C%C3%BC%3E%22+c&offset=1&limit=1>; rel="next"');
  });

  test.each([
    ['limit=0', 'The limit in this address is not valid.', 'A whole number from 1 to 500.'],
    ['limit=501', 'The limit in this address is not valid.', 'A whole number from 1 to 500.'],
    ['limit=', 'The limit in this address is not valid.', 'A whole number from 1 to 500.'],
    ['limit=-1', 'The limit in this address is not valid.', 'A whole number from 1 to 500.'],
    ['limit=5.5', 'The limit in this address is not valid.', 'A whole number from 1 to 500.'],
    ['limit=1e2', 'The limit in this address is not valid.', 'A whole number from 1 to 500.'],
    ['limit=%205', 'The limit in this address is not valid.', 'A whole number from 1 to 500.'],
    ['limit=99999999999999999999', 'The limit in this address is not valid.', 'A whole number from 1 to 500.'],
    ['offset=-1', 'The offset in this address is not valid.', 'A whole number from 0 to 1000000.'],
    ['offset=x', 'The offset in this address is not valid.', 'A whole number from 0 to 1000000.'],
    [`search=${'x'.repeat(201)}`, 'The search in this address is not valid.', 'At most 200 characters.'],
    ['limit=5&limit=5', 'A parameter in this address is there twice.', 'Each may be there once.'],
    ['page=2', 'This address takes no such parameter.', 'There is search, offset, limit.'],
    ['__proto__=2', 'This address takes no such parameter.', 'There is search, offset, limit.'],
    ['Limit=5', 'This address takes no such parameter.', 'There is search, offset, limit.'],
  ])('with ?%s is 400 and says what is wrong', async (query, message, advice) => {
    const { read, library } = await doorsWithCharts();
    const { status, body } = await read(`${all}/charts?${query}`);

    expect([status, body]).toEqual([400, { error: { code: 'bad-request', message, advice } }]);
    expect(library.queries).toEqual([]);
  });
});

describe('an address of the read API', () => {
  test.each([
    ['/api/v1/explain', 'The parameter chart is missing.'],
    ['/api/v1/explain?chart=', 'The chart in this address is not valid.'],
    ['/api/v1/explain?chart=x&name=y', 'This address takes no such parameter.'],
    ['/api/v1/repositories?x=1', 'This address takes no parameters.'],
    ['/api/v1/status?x=1', 'This address takes no parameters.'],
    ['/api/v1/openapi.json?x', 'This address takes no parameters.'],
    [`${all}/charts/-demo`, 'The chart name in this address is not valid.'],
    [`${all}/charts/demo%2Fother`, 'The chart name in this address is not valid.'],
    [`${all}/charts/demo/latest`, 'The version in this address is not valid.'],
    [`${all}/charts/demo/1.0.0%00`, 'The version in this address is not valid.'],
  ])('written %s is 400: %s', async (path, message) => {
    const { read } = await doorsWithCharts();
    const { status, body } = await read(path);

    expect([status, body]).toMatchObject([400, { error: { code: 'bad-request', message } }]);
  });

  test.each(['/api/v1/repositories', all, `${all}/charts`, `${all}/charts/demo`, `${all}/charts/demo/0.9.0`])(
    '%s is answered 304 until its answer is another one',
    async (path) => {
      const { read, library } = await doorsWithCharts();
      const first = await read(path);
      expect(first.headers).toMatchObject({
        'cache-control': 'no-cache',
        etag: expect.stringMatching(/^W\/"[0-9a-f]{32}"$/),
      });
      const headers = { 'if-none-match': `"other", ${first.headers.etag}` };
      const again = await read(path, headers);
      expect([again.status, again.body, again.headers.etag]).toEqual([304, undefined, first.headers.etag]);

      library.list = library.list.map((one) => ({ ...one, versions: 3 }));
      library.summaries = [];
      library.details = library.details.map((one) => ({ ...one, upstream: 'another' }));
      expect((await read(path, headers)).status).toBe(200);
    },
  );

  test.each(['/api/v1/status', '/api/v1/explain?chart=demo'])('%s is told anew each time', async (path) => {
    const { headers } = await (await doorsWithCharts()).read(path);

    expect(headers).toMatchObject({ 'cache-control': 'no-store' });
    expect(headers.etag).toBeUndefined();
  });

  test.each(['/api/v1/repositories', `${all}/charts?limit=1`, `${all}/charts/demo/0.9.0`, '/api/v1/openapi.json'])(
    '%s is answered to HEAD as to GET, without the body',
    async (path) => {
      const { ask } = await doorsWithCharts();
      const [get, head] = [await ask(path), await ask(path, { method: 'HEAD' })];
      const { date: _at, ...headers } = get.headers;

      expect([head.status, head.body.length]).toEqual([200, 0]);
      expect(head.headers).toMatchObject(headers);
    },
  );

  test.each([
    '/api/v1/repositories',
    all,
    `${all}/charts`,
    `${all}/charts/demo`,
    `${all}/charts/demo/0.9.0`,
    '/api/v1/explain',
  ])('%s is 405 to whoever would change it', async (path) => {
    const { ask } = await doorsWithCharts();
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      const answer = await ask(path, { method });
      expect([answer.status, answer.headers.allow]).toEqual([405, 'GET, HEAD']);
    }
  });
});

describe('a path of the read API that is an attack', () => {
  test('is 400 or 404, and nobody is asked for what cannot be', async () => {
    const { say, library, lines } = await doorsWithCharts();
    const found: string[] = [];
    for (const segment of segments) {
      for (const target of [
        `/api/v1/repositories/${segment}`,
        `/api/v1/repositories/${segment}/charts`,
        `${all}/charts/${segment}`,
        `${all}/charts/demo/${segment}`,
        `${all}/charts/${segment}/1.0.0`,
        `${all}/charts?limit=${segment}`,
      ]) {
        const text = await say(`GET ${target} HTTP/1.1\r\nHost: charts.corp\r\nConnection: close\r\n\r\n`);
        if (!/^HTTP\/1\.1 40[04] /.test(text)) found.push(`${target}: ${text.split('\r\n', 1)[0]}`);
      }
    }

    expect([found, lines]).toEqual([[], []]);
    // all that may be a chart's name
    expect(new Set(library.versionsAsked.map(({ chart }) => chart))).toEqual(new Set(['constructor']));
  });
});

describe('operations on a port of their own', () => {
  test('have the whole API, and the front doors none of it', async () => {
    const { ask } = await openDoors({ operations: { host: '127.0.0.1', port: 0 } });

    for (const path of ['/api/v1/repositories', `${all}/charts`, '/api/v1/openapi.json', '/api/v1/status']) {
      expect([(await ask(path, { operations: true })).status, (await ask(path)).status]).toEqual([200, 404]);
    }
  });
});
