import { describe, expect, test } from 'vitest';

import { openDoors } from './open-doors.ts';

describe('what the metrics say of the configuration', () => {
  test('when the one that is served from was loaded, and whether a later one could not be', async () => {
    const { ask, mirror } = await openDoors();
    const sample = async (name: string): Promise<string | undefined> => {
      const lines = (await ask('/metrics')).body.toString().split('\n');
      return lines.find((line) => line.startsWith(`chartroom_config_last_reload_${name} `))?.split(' ')[1];
    };
    const loadedAt = '2026-01-02T03:04:05Z';
    const status = mirror.status();
    mirror.status = () => ({ ...status, configuration: { file: 'chartroom.yaml', loadedAt, state: 'ok' } });
    expect(await sample('successful')).toBe('1');
    expect(await sample('success_timestamp_seconds')).toBe(String(Date.parse(loadedAt) / 1000));

    mirror.status = () => ({ ...status, configuration: { file: 'chartroom.yaml', loadedAt, state: 'refused' } });
    expect(await sample('successful')).toBe('0');
    expect(await sample('success_timestamp_seconds')).toBe(String(Date.parse(loadedAt) / 1000));
  });
});
