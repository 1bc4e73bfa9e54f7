import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { Fault } from '../../src/chart/fault.ts';
import { deriveConfig, deriveManifest } from '../../src/formats/derived-image.ts';
import { archiveOf, type OddChart } from '../support/odd-charts.ts';

const named = 'apiVersion: v2\nname: odd\nversion: 1.2.3\n';

/** The config of a chart with this in its Chart.yaml beside a name and a version, as JSON says it. */
function configOf(text: string, ...more: OddChart['files']): unknown {
  return JSON.parse(deriveConfig(archiveOf([['Chart.yaml', `${named}${text}\n`], ...more])));
}

function faultOf(files: OddChart['files'], subject?: string): Fault {
  try {
    deriveConfig(archiveOf(files), subject);
  } catch (error) {
    if (error instanceof Fault) return error;
  }
  throw new Error('there is no fault');
}

const measured = (letter: string) => ({ digest: digestOf(Buffer.from(letter)), size: 1 });

/** The manifest of such a chart. */
function manifestOf(text: string): Readonly<Record<string, unknown>> {
  const config = deriveConfig(archiveOf([['Chart.yaml', `${named}${text}\n`]]));
  return JSON.parse(deriveManifest(config, { archive: measured('a') })) as Record<string, unknown>;
}

describe('the config of an archive', () => {
  test('has the fields that Helm knows in the order of its struct, and no empty ones', () => {
    const text = 'type: library\nengine: gotpl\nhome: ""\nkeywords: []\ndeprecated: false\nappVersion: 1.10\n';
    expect(deriveConfig(archiveOf([['Chart.yaml', text + named]]))).toBe(
      '{"name":"odd","version":"1.2.3","apiVersion":"v2","appVersion":"1.1","type":"library"}',
    );
  });

  test('names the repository of a dependency that has none', () => {
    expect(configOf('dependencies: [{name: a}]')).toMatchObject({ dependencies: [{ name: 'a', repository: '' }] });
  });

  test('has what requirements.yaml says, item by item over what Chart.yaml says', () => {
    const requirements = ['requirements.yaml', 'dependencies: [{repository: https://a.example}]'] as const;
    expect(configOf('dependencies: [{name: a, version: "1"}, {name: b}]', requirements)).toMatchObject({
      dependencies: [{ name: 'a', version: '1', repository: 'https://a.example' }],
    });
  });

  test('is the same whatever the order of the keys in Chart.yaml', () => {
    const lines = [...named.trim().split('\n'), 'home: h', 'sources: [s]', 'annotations: {b: 1, a: 2}', 'Icon: i'];
    const config = deriveConfig(archiveOf([['Chart.yaml', lines.join('\n')]]));
    const shuffled = fc.shuffledSubarray(lines, { minLength: lines.length });
    fc.assert(
      fc.property(shuffled, (some) => {
        expect(deriveConfig(archiveOf([['Chart.yaml', some.join('\n')]]))).toBe(config);
      }),
      { numRuns: 50 },
    );
  });
});

describe('the config of an archive that Helm would not push', () => {
  test.each([
    ['a mapping where text is meant', 'description: {a: b}\nhome: [x]'],
    ['text where a list is meant', 'keywords: k\nmaintainers: m\ndependencies: d\nsources: {a: b}'],
    ['a list where a mapping is meant', 'annotations: [a]'],
    ['a word that is no truth', 'deprecated: "true"'],
    ['a number that is none', 'dependencies: []\nannotations: ~\nsources: ~\ndeprecated: 1'],
    ['merging what cannot be', '<<: text\nannotations: ~'],
  ])('has nothing where there is %s', (_, text) => {
    expect(configOf(text)).toEqual({ name: 'odd', version: '1.2.3', apiVersion: 'v2' });
  });

  test('has neither dependencies nor maintainers that are nothing', () => {
    expect(configOf('dependencies: [~, {name: a}, b]\nmaintainers: [~]\nkeywords: [[], k]')).toMatchObject({
      dependencies: [{ name: 'a', repository: '' }],
      keywords: ['', 'k'],
    });
  });

  test('says of what JSON has no number for that it is nothing', () => {
    expect(configOf('dependencies: [{name: a, import-values: [.nan, -.inf, 1]}]')).toMatchObject({
      dependencies: [{ 'import-values': [null, null, 1] }],
    });
  });

  test('goes without a requirements.yaml that is not YAML', () => {
    expect(configOf('', ['requirements.yaml', 'dependencies: ['])).toEqual({
      name: 'odd',
      version: '1.2.3',
      apiVersion: 'v2',
    });
  });

  test('does not look at a values.schema.json', () => {
    expect(configOf('', ['values.schema.json', '{'])).toMatchObject({ name: 'odd' });
  });
});

describe('what has no config', () => {
  test('is a chart without a name or a version, and the fault says whose', () => {
    const fault = faultOf([['Chart.yaml', 'name: odd\nversion: ~\n']], 'the archive of odd 1.2.3');
    expect(fault).toMatchObject({ code: 'archive-invalid' });
    expect(fault.message).toBe('the archive of odd 1.2.3 has a Chart.yaml without a version.');
  });

  test.each([
    ['is too long', `${named}description: ${'x'.repeat(5 * 1024 * 1024)}`],
    ['contains itself', `${named}dependencies: [{name: a, import-values: &a [*a]}]`],
    ['merges itself', `${named}a: &a {<<: *a}`],
    [
      'grows when its aliases are followed',
      `${named}a: &a [x,x,x,x,x,x,x,x,x,x]\n${[...'bcdefgh'].map((one, at) => `${one}: &${one} [${Array.from({ length: 10 }, () => `*${'abcdefg'[at]}`).join(',')}]`).join('\n')}`,
    ],
  ])('is a Chart.yaml or a requirements.yaml that %s', (_, text) => {
    expect(faultOf([['Chart.yaml', text]]).code).toBe('too-large');
    const both: OddChart['files'] = [
      ['Chart.yaml', named],
      ['requirements.yaml', text],
    ];
    expect(faultOf(both).message).toMatch(/^the archive has a requirements.yaml that is too large/);
  });

  test('is nothing that ends in anything but a fault', () => {
    const piece = fc.constantFrom(
      ...[
        'a',
        ': ',
        '- ',
        '\n',
        '  ',
        '[',
        ']',
        '{',
        '}',
        ',',
        '"',
        "'",
        '&a ',
        '*a',
        '<<',
        '!',
        '!!int ',
        '|',
        '>',
        '#',
      ],
      ...[
        'name',
        'version',
        'dependencies',
        'import-values',
        'annotations',
        '0x',
        '1.5',
        '\\u',
        '%',
        '---\n',
        '\u2028',
        '\ud800',
      ],
    );
    const text = fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join(''));
    fc.assert(
      fc.property(text, text, (chart, requirements) => {
        const archive = archiveOf([
          ['Chart.yaml', `${named}${chart}`],
          ['requirements.yaml', requirements],
        ]);
        const derive = (): string => {
          try {
            return deriveConfig(archive);
          } catch (error) {
            return error instanceof Fault ? error.message : expect.unreachable(String(error));
          }
        };
        const derived = derive();
        expect(derive()).toBe(derived);
        if (derived.startsWith('{'))
          expect(JSON.parse(deriveManifest(derived, { archive: measured('a') }))).toBeTruthy();
      }),
      { numRuns: 500 },
    );
  });
});

describe('the manifest of an archive', () => {
  const config = deriveConfig(archiveOf([['Chart.yaml', named]]));

  test('names its config and its layers by what they are, and says no media type of its own', () => {
    expect(JSON.parse(deriveManifest(config, { archive: measured('a') }))).toEqual({
      schemaVersion: 2,
      config: {
        mediaType: 'application/vnd.cncf.helm.config.v1+json',
        digest: digestOf(Buffer.from(config)),
        size: config.length,
      },
      layers: [{ mediaType: 'application/vnd.cncf.helm.chart.content.v1.tar+gzip', ...measured('a') }],
      annotations: { 'org.opencontainers.image.title': 'odd', 'org.opencontainers.image.version': '1.2.3' },
    });
  });

  test('has the provenance among its layers, in the order of their digests', () => {
    const layersOf = (archive: string, provenance: string): unknown =>
      JSON.parse(
        deriveManifest(config, { archive: measured(archive), provenance: measured(provenance) }),
        (key, value) => (key === '' ? value.layers.map((layer: { readonly digest: string }) => layer.digest) : value),
      );
    const sorted = [measured('a').digest, measured('b').digest].toSorted();
    expect(layersOf('a', 'b')).toEqual(sorted);
    expect(layersOf('b', 'a')).toEqual(sorted);
  });

  test('counts the bytes of its config, not the letters', () => {
    const text = deriveConfig(archiveOf([['Chart.yaml', `${named}description: é😀`]]));
    const { config: described } = JSON.parse(deriveManifest(text, { archive: measured('a') })) as {
      readonly config: { readonly size: number };
    };
    expect(described.size).toBe(Buffer.byteLength(text));
  });

  test('knows no time but the one that Chart.yaml says', () => {
    const created = 'org.opencontainers.image.created';
    expect(manifestOf('')['annotations']).not.toHaveProperty([created]);
    expect(manifestOf(`annotations: {${created}: "2001"}`)['annotations']).toHaveProperty([created], '2001');
  });

  test('lets the annotations of a chart say everything but its name and version', () => {
    const text =
      'description: own\nannotations: {org.opencontainers.image.title: t, org.opencontainers.image.description: d, x: ""}';
    expect(manifestOf(text)['annotations']).toEqual({
      'org.opencontainers.image.title': 'odd',
      'org.opencontainers.image.version': '1.2.3',
      'org.opencontainers.image.description': 'd',
      x: '',
    });
  });
});
