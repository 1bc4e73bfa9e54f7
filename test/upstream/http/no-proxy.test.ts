import { describe, expect, it } from 'vitest';

import { isExempt } from '../../../src/upstream/http/proxy.ts';

describe('NO_PROXY', () => {
  it.each([
    ['', 'http://nexus.corp', false],
    ['*', 'https://nexus.corp', true],
    ['a, *', 'https://nexus.corp', true],
    ['*:8080', 'http://nexus.corp:8080', true],
    ['*:8080', 'http://nexus.corp', false],
    ['nexus.corp', 'https://nexus.corp', true],
    ['NEXUS.corp', 'https://nexus.CORP.', true],
    ['nexus.corp', 'https://a.nexus.corp', true],
    ['nexus.corp', 'https://anexus.corp', false],
    ['corp', 'https://nexus.corp', true],
    ['.corp', 'https://nexus.corp', true],
    ['.nexus.corp', 'https://nexus.corp', false],
    ['*.nexus.corp', 'https://nexus.corp', false],
    ['*.nexus.corp', 'https://a.b.nexus.corp', true],
    ['nexus.corp:8443', 'https://nexus.corp:8443', true],
    ['nexus.corp:8443', 'https://nexus.corp', false],
    ['nexus.corp:443', 'https://nexus.corp', true],
    ['nexus.corp:80', 'https://nexus.corp', false],
    ['a b,nexus.corp', 'https://nexus.corp', true],
    ['10.1.2.3', 'http://10.1.2.3', true],
    ['10.1.2.3', 'http://10.1.2.30', false],
    ['10.1.2.3:81', 'http://10.1.2.3:81', true],
    ['10.1.2.3:81', 'http://10.1.2.3', false],
    ['2.3', 'http://10.1.2.3', false],
    ['10.0.0.0/8', 'http://10.1.2.3', true],
    ['10.0.0.0/8', 'http://11.1.2.3', false],
    ['10.0.0.0/8', 'http://nexus.corp', false],
    ['10.0.0.0/99', 'http://10.1.2.3', false],
    ['0.0.0.0/0', 'http://10.1.2.3', true],
    ['fd00::/8', 'http://[fd00::1]', true],
    ['fd00::/8', 'http://[fe80::1]', false],
    ['::1', 'http://[::1]', true],
    ['[::1]', 'http://[0:0::1]:8080', true],
    ['[::1]:80', 'http://[::1]', true],
    ['[::1]:81', 'http://[::1]', false],
    ['::ffff:10.1.2.3', 'http://10.1.2.3', true],
    [',;:/[', 'http://nexus.corp', false],
  ])('of %j for %s: %s', (noProxy, url, expected) => {
    expect(isExempt(noProxy, new URL(url))).toBe(expected);
  });
});
