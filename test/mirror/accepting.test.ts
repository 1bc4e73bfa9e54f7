import { expect, test } from 'vitest';

import { memoryStore } from '../../src/store/memory.ts';
import { chartArchive } from '../support/charts.ts';
import { openEngine } from '../support/engine.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';

const hour = 3_600_000;
const madeOf = (word: string) => chartArchive({ name: 'demo', version: '1.0.0' }, { 'README.md': word });

test('what is accepted last is what is served, also when the clock was set back since the one before', async () => {
  const upstream = new FakeUpstream();
  await upstream.publish('demo', '1.0.0', { archive: await madeOf('first') });
  const options = { upstreams: { nexus: upstream }, store: memoryStore() };
  const chartroom = await openEngine(options);
  await chartroom.timedSync('nexus');
  await chartroom.archive('demo', '1.0.0');

  for (const word of ['second', 'third', 'fourth']) {
    const archive = await madeOf(word);
    upstream.rows = [];
    await upstream.publish('demo', '1.0.0', { archive });
    await chartroom.timedSync('nexus');
    await chartroom.operator.accept({ upstream: 'nexus', chart: 'demo', version: '1.0.0' });
    expect(await chartroom.archive('demo', '1.0.0')).toEqual(archive);
    chartroom.clock.jump(-hour);
  }

  await chartroom.engine.stop();
  expect(await (await openEngine(options)).archive('demo', '1.0.0')).toEqual(await madeOf('fourth'));
});
