import { afterEach, describe, expect, test, vi } from 'vitest';

import { needsTools, tool, type Tool } from './support/tools.ts';

const missing = 'a-tool-that-nobody-has' as Tool;

describe('a test that needs a tool', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
  });

  test('is skipped where the tool is missing, with one line that says what installs it', () => {
    vi.stubEnv('CI', '');
    const warn = vi.spyOn(console, 'warn').mockReturnValue();

    expect(needsTools(missing)).toBe(true);
    expect(warn.mock.calls).toEqual([
      ['npm test: skipping what needs a-tool-that-nobody-has: run scripts/install-tools'],
    ]);
  });

  test('fails where the tool is missing in CI', () => {
    vi.stubEnv('CI', 'true');

    expect(() => needsTools(missing)).toThrow('run scripts/install-tools');
  });

  test('says which command installs what it asks for', () => {
    expect(() => tool(missing)).toThrow('a-tool-that-nobody-has is not installed: run scripts/install-tools');
  });

  test('runs where the tool is there', () => {
    expect(needsTools('tar')).toBe(false);
    expect(tool('tar')).toMatch(/\/tar$/);
  });
});
