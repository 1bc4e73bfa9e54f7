import { describe, expect, test } from 'vitest';

import { Fault } from '../../src/chart/fault.ts';
import { upstreamStatus } from '../support/fake-mirror.ts';
import { openDoors, until, type OpenDoors } from './open-doors.ts';
import { standStill } from './stall.ts';

describe('the probes', () => {
  test('/livez answers whatever the state', async () => {
    const { ask, mirror } = await openDoors();
    mirror.ready = { ready: false, waitingFor: ['podinfo'], degraded: [] };
    const answer = await ask('/livez');

    expect([answer.status, answer.body.toString()]).toEqual([200, 'ok\n']);
    expect((await ask('/livez', { method: 'HEAD' })).status).toBe(200);
  });

  test('/readyz says which part is not ready', async () => {
    const { ask, mirror } = await openDoors();
    mirror.ready = { ready: false, waitingFor: ['podinfo has not been listed yet'], degraded: [] };
    const answer = await ask('/readyz');

    expect(answer.status).toBe(503);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(JSON.parse(answer.body.toString())).toEqual(mirror.ready);
  });

  test('/readyz stays 200 when something is degraded, and says what', async () => {
    const { ask, mirror } = await openDoors();
    mirror.ready = { ready: true, waitingFor: [], degraded: ['the store does not answer'] };
    const answer = await ask('/readyz');

    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body.toString())).toEqual(mirror.ready);
  });
});

describe('the metrics', () => {
  async function samples({ ask }: OpenDoors): Promise<Map<string, number>> {
    const answer = await ask('/metrics');
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    const lines = answer.body.toString().split('\n');
    return new Map(
      lines
        .filter((line) => line !== '' && !line.startsWith('#'))
        .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
    );
  }

  test('count answers by door and status, their bytes and how long they took', async () => {
    const doors = await openDoors();
    doors.mirror.put('nginx', '1.2.3', Buffer.alloc(1000));
    for (let round = 0; round < 3; round += 1) await doors.ask('/charts/nginx/nginx-1.2.3.tgz');
    await doors.ask('/charts/nginx/nginx-9.9.9.tgz');
    await doors.ask('/index.yaml', { headers: { 'if-none-match': '*' } });
    const found = await samples(doors);

    expect(found.get('chartroom_http_requests_total{door="archive",status="200"}')).toBe(3);
    expect(found.get('chartroom_http_requests_total{door="archive",status="404"}')).toBe(1);
    expect(found.get('chartroom_http_requests_total{door="index",status="304"}')).toBe(1);
    expect(found.get('chartroom_http_response_bytes_total{door="archive"}')).toBeGreaterThanOrEqual(3000);
    expect(found.get('chartroom_http_request_duration_seconds_count{door="archive"}')).toBe(4);
    expect(found.get('chartroom_http_request_duration_seconds_bucket{le="+Inf",door="archive"}')).toBe(4);
  });

  test('have the same series after a thousand different paths', async () => {
    const doors = await openDoors();
    await samples(doors);
    await doors.ask('/x');
    await doors.ask('/charts/x/x-latest.tgz');
    const before = await samples(doors);
    for (let at = 0; at < 500; at += 1) {
      await doors.ask(`/nothing-${at}/here`);
      await doors.ask(`/charts/chart-${at}/chart-${at}-${at}.tar`, { headers: { 'user-agent': `agent ${at}` } });
    }
    const after = await samples(doors);
    const ours = (found: Map<string, number>) => [...found.keys()].filter((key) => key.startsWith('chartroom_')).sort();

    expect(ours(after).filter((key) => !ours(before).includes(key))).toEqual(
      ['chartroom_http_requests_total{door="other",status="404"}'].filter((key) => !before.has(key)),
    );
    expect(after.get('chartroom_http_requests_total{door="other",status="404"}')).toBeGreaterThanOrEqual(1000);
  });

  test('count whom a client leaves waiting as 499', async () => {
    const doors = await openDoors();
    doors.mirror.resolving = new Promise(() => {});
    const socket = await doors.dial();
    socket.write('GET /charts/nginx/nginx-1.2.3.tgz HTTP/1.1\r\nHost: a\r\n\r\n');
    await until(() => doors.mirror.asked.resolve === 1);
    socket.destroy();
    let found = await samples(doors);
    while (!found.has('chartroom_http_requests_total{door="archive",status="499"}')) found = await samples(doors);

    expect(found.get('chartroom_http_aborted_total{door="archive"}')).toBe(1);
  });

  test('tell the state of every upstream', async () => {
    const doors = await openDoors();
    const { code, message, advice } = new Fault('tls-untrusted', 'nexus: who is that?', 'Set tls.caFile.');
    doors.mirror.upstreams = [
      upstreamStatus('podinfo', {
        lastSuccess: new Date(Date.now() - 60_000).toISOString(),
        provenance: { mode: 'report', valid: 2, missing: 1, invalid: 1, unjudged: 0 },
      }),
      upstreamStatus('nexus', { state: 'failing', fault: { code, message, advice }, lastSuccess: undefined }),
    ];
    const found = await samples(doors);

    expect(found.get('chartroom_upstream_up{upstream="podinfo"}')).toBe(1);
    expect(found.get('chartroom_upstream_up{upstream="nexus"}')).toBe(0);
    expect(found.get('chartroom_upstream_fault{upstream="nexus",code="tls-untrusted"}')).toBe(1);
    expect(found.has('chartroom_upstream_fault{upstream="podinfo",code="tls-untrusted"}')).toBe(false);
    expect(found.get('chartroom_upstream_last_listing_age_seconds{upstream="podinfo"}')).toBeGreaterThanOrEqual(60);
    expect(found.has('chartroom_upstream_last_listing_age_seconds{upstream="nexus"}')).toBe(false);
    expect(found.get('chartroom_upstream_versions{upstream="podinfo"}')).toBe(5);
    expect(found.get('chartroom_upstream_held{upstream="podinfo"}')).toBe(4);
    expect(found.get('chartroom_upstream_bytes{upstream="podinfo"}')).toBe(1000);
    expect(found.get('chartroom_upstream_rejected_rows{upstream="podinfo",reason="bad-version"}')).toBe(3);
    const provenance = [...found].filter(([name]) => name.startsWith('chartroom_upstream_provenance_versions'));
    expect(Object.fromEntries(provenance)).toEqual({
      'chartroom_upstream_provenance_versions{upstream="podinfo",result="valid"}': 2,
      'chartroom_upstream_provenance_versions{upstream="podinfo",result="missing"}': 1,
      'chartroom_upstream_provenance_versions{upstream="podinfo",result="invalid"}': 1,
      'chartroom_upstream_provenance_versions{upstream="podinfo",result="unjudged"}': 0,
    });
    expect(found.get('chartroom_ready')).toBe(1);
    expect(found.get('chartroom_store_up')).toBe(1);
    expect(found.get('chartroom_info{version="0.0.1"}')).toBe(1);
  });

  test('tell what the work on every upstream came to', async () => {
    const doors = await openDoors();
    const syncs = new Map([
      ['changed', 2],
      ['unchanged', 40],
      ['upstream-failed', 1],
    ]);
    const fills = new Map([
      ['fetched', 7],
      ['digest-mismatch', 3],
    ]);
    doors.mirror.activities = [
      { name: 'podinfo', syncs, fills, queued: 12 },
      { name: 'nexus', syncs: new Map(), fills: new Map(), queued: 0 },
    ];
    doors.mirror.leaseHeld = true;
    doors.mirror.blobsDamaged = 5;
    // each look is the whole, never added to the one before
    await samples(doors);
    const found = await samples(doors);

    expect(found.get('chartroom_upstream_syncs_total{upstream="podinfo",result="changed"}')).toBe(2);
    expect(found.get('chartroom_upstream_syncs_total{upstream="podinfo",result="unchanged"}')).toBe(40);
    expect(found.get('chartroom_upstream_syncs_total{upstream="podinfo",result="upstream-failed"}')).toBe(1);
    expect(found.get('chartroom_upstream_fills_total{upstream="podinfo",result="fetched"}')).toBe(7);
    expect(found.get('chartroom_upstream_fills_total{upstream="podinfo",result="digest-mismatch"}')).toBe(3);
    expect(found.get('chartroom_upstream_queue_length{upstream="podinfo"}')).toBe(12);
    expect(found.get('chartroom_upstream_queue_length{upstream="nexus"}')).toBe(0);
    expect([...found.keys()].filter((key) => key.includes('_total{upstream="nexus"'))).toEqual([]);
    expect(found.get('chartroom_lease_held')).toBe(1);
    expect(found.get('chartroom_damaged_blobs_total')).toBe(5);
  });

  test('tell that the lease is not held, and that no blob was damaged', async () => {
    const found = await samples(await openDoors());

    expect(found.get('chartroom_lease_held')).toBe(0);
    expect(found.get('chartroom_damaged_blobs_total')).toBe(0);
  });

  test('tell for how long the event loop stood still', async () => {
    const doors = await openDoors();
    await standStill();

    expect((await samples(doors)).get('chartroom_event_loop_stall_seconds')).toBeGreaterThan(0.03);
  });

  test('forget a fault and an upstream that are gone', async () => {
    const doors = await openDoors();
    const fault = { code: 'forbidden', message: '', advice: '' } as const;
    doors.mirror.upstreams = [upstreamStatus('podinfo', { fault }), upstreamStatus('nexus')];
    await samples(doors);
    doors.mirror.upstreams = [upstreamStatus('podinfo')];
    const found = await samples(doors);

    expect([...found.keys()].filter((key) => key.includes('nexus') || key.includes('forbidden'))).toEqual([]);
  });

  test('tell about the process, and each server has its own', async () => {
    const [first, second] = [await openDoors(), await openDoors()];
    await first.ask('/nothing');
    const [ofFirst, ofSecond] = [await samples(first), await samples(second)];

    expect(ofFirst.has('process_resident_memory_bytes')).toBe(true);
    expect(ofFirst.has('nodejs_eventloop_lag_p99_seconds')).toBe(true);
    expect(ofFirst.get('chartroom_http_requests_total{door="other",status="404"}')).toBe(1);
    expect(ofSecond.has('chartroom_http_requests_total{door="other",status="404"}')).toBe(false);
  });
});

test('GET / says what this is and which line to paste, without believing the host', async () => {
  const { ask, mirror } = await openDoors();
  mirror.repositoryNames = ['stable', 'edge'];
  const answer = await ask('/', { headers: { host: 'evil.example' } });

  expect(answer.status).toBe(200);
  expect(answer.headers['content-type']).toBe('text/plain; charset=utf-8');
  expect(answer.body.toString()).toContain('helm repo add charts <this address>');
  expect(answer.body.toString()).toContain('helm repo add stable <this address>/stable');
  expect(answer.body.toString()).toContain('helm repo add edge <this address>/edge');
  expect(answer.body.toString()).not.toContain('evil');
});
