import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it, onTestFinished } from 'vitest';

import { artifactPromises } from '../../contract/upstream-artifacts.ts';
import { chartArchive } from '../../support/charts.ts';
import { ManualClock } from '../../support/clock.ts';
import { startDistribution } from '../../support/distribution.ts';
import { never } from '../../support/http.ts';
import { PushedArtifacts } from '../../support/push-artifact.ts';
import { registryUpstream } from '../../support/registry-upstream.ts';
import { temporaryFolder } from '../../support/temp.ts';
import { needsTools } from '../../support/tools.ts';

const missing = needsTools('registry', 'helm4');

/** A real registry with a chart that a real Helm pushed. */
async function fixture() {
  const registry = await startDistribution();
  onTestFinished(() => registry.stop());
  const path = join(await temporaryFolder(), 'demo-1.0.0.tgz');
  await writeFile(path, await chartArchive({ name: 'demo', version: '1.0.0' }));
  await registry.push(path, 'charts');
  const clock = new ManualClock();
  const upstream = registryUpstream(registry.url, 'charts', { charts: ['demo'], clock });
  const source = 'charts/demo:1.0.0';
  const found = await upstream.find('demo', '1.0.0', never);
  const manifest = found?.pinned?.split('@')[1];
  if (!upstream.artifacts || !manifest?.startsWith('sha256:')) throw new Error('the chart is not there');
  const pushed = new PushedArtifacts(`${registry.url}/v2/charts/demo`);
  return {
    artifacts: upstream.artifacts,
    source,
    manifest: manifest as `sha256:${string}`,
    attach: (...artifact: Parameters<PushedArtifacts['push']>) => pushed.push(...artifact),
    detach: (...artifact: Parameters<PushedArtifacts['remove']>) => pushed.remove(...artifact),
    later: () => clock.advance(2 * 60_000),
    fail: () => registry.stop(),
    url: registry.url,
  };
}

describe.skipIf(missing)('a real registry with something beside a chart', () => {
  it.each(artifactPromises)('$title', ({ check }) => check(fixture));

  it('does not list referrers itself, as far as we know', async () => {
    const { url, manifest } = await fixture();
    expect((await fetch(`${url}/v2/charts/demo/referrers/${manifest}`)).status).toBe(404);
  });
});
