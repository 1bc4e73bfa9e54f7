import { join } from 'node:path';

import { expect, test } from 'vitest';

import { chooseConfigFile, environment } from '../../src/config/environment.ts';

test('the file that is named on the command line goes before the one of the environment', () => {
  expect(chooseConfigFile('a.yaml', { CHARTROOM_CONFIG: 'b.yaml' })).toBe('a.yaml');
  expect(chooseConfigFile(undefined, { CHARTROOM_CONFIG: 'b.yaml' })).toBe('b.yaml');
});

test('a clone has a configuration of its own', () => {
  expect(chooseConfigFile(undefined, { CHARTROOM_CONFIG: '' })).toBe(
    join(import.meta.dirname, '../../config/minimal.yaml'),
  );
});

test('the environment is that of the process', () => {
  expect(environment()['PATH']).toBe(process.env['PATH']);
});
