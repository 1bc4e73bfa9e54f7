import { readFile } from 'node:fs/promises';

import { load } from 'js-yaml';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';

import { Catalog } from '../../src/chart/catalog.ts';
import { indexOf, indexText, memberOfTables, partsOf } from '../support/index-parts.ts';
import { catalogAfter, readText } from '../support/indexes.ts';
import { needsSharedData, sharedData, type SharedRepository } from '../support/shared-data.ts';

/** What the structs behind Helm's index have (helm.sh/helm/v4/pkg/repo/v1 and pkg/chart/v2): older Helm refuses others. */
const knownFields = {
  index: ['apiVersion', 'entries', 'generated'],
  row: [
    ...['annotations', 'apiVersion', 'appVersion', 'condition', 'created', 'dependencies', 'deprecated', 'description'],
    ...['digest', 'home', 'icon', 'keywords', 'kubeVersion', 'maintainers', 'name', 'sources', 'tags', 'type', 'urls'],
    'version',
  ],
  dependency: ['alias', 'condition', 'enabled', 'import-values', 'name', 'repository', 'tags', 'version'],
  maintainer: ['email', 'name', 'url'],
};

type Fields = Readonly<Record<string, unknown>>;
interface Index {
  readonly entries: Readonly<Record<string, readonly Fields[]>>;
}

const repositories: readonly SharedRepository[] = ['argo', 'grafana', 'ingress-nginx', 'metrics-server', 'podinfo'];

function unknownFields(index: Index): string[] {
  const of = (value: unknown, known: readonly string[]): string[] =>
    Object.keys(value as object).filter((key) => !known.includes(key));
  const rows = Object.values(index.entries).flat();
  const each = (field: string): unknown[] => rows.flatMap((row) => (row[field] ?? []) as unknown[]);
  return [
    ...of(index, knownFields.index),
    ...rows.flatMap((row) => of(row, knownFields.row)),
    ...each('dependencies').flatMap((one) => of(one, knownFields.dependency)),
    ...each('maintainers').flatMap((one) => of(one, knownFields.maintainer)),
  ];
}

/** Anything but text where Go has a string makes Helm refuse the whole index. */
function notText(index: Index): unknown[] {
  const notTexts = new Set(['annotations', 'dependencies', 'deprecated', 'maintainers']);
  const rows = Object.values(index.entries).flat();
  const people = rows.flatMap((row) => (row['maintainers'] ?? []) as Fields[]);
  const annotations = rows.map((row) => (row['annotations'] ?? {}) as Fields);
  const values = [...rows, ...people, ...annotations]
    .flatMap((fields) => Object.entries(fields))
    .flatMap(([key, value]) => (notTexts.has(key) ? [] : [value]));
  return values.flat().filter((value) => typeof value !== 'string');
}

describe.skipIf(needsSharedData(...repositories))('the rendering of a real index', () => {
  describe.each(repositories)('%s', (name) => {
    let text = '';
    let catalog: Catalog;
    let index: Index;
    beforeAll(async () => {
      const { claims } = readText(await readFile(`${sharedData(name)}/index.yaml`));
      catalog = new Catalog(claims);
      text = indexText(indexOf(partsOf([memberOfTables(name, catalogAfter(claims))])));
      index = JSON.parse(text) as Index;
    });

    it('lists every version of every chart, in order, with a url that only says where it is from here', () => {
      const expected = [...catalog.all()].map(({ chart, version }) => `${chart} ${version}`);
      const listed = Object.entries(index.entries).flatMap(([chart, rows]) =>
        rows.map((row) => {
          expect([row['name'], row['urls']]).toEqual([
            chart,
            [`charts/${chart}/${chart}-${String(row['version'])}.tgz`],
          ]);
          return `${chart} ${String(row['version'])}`;
        }),
      );
      expect(listed).toEqual(expected);
    });

    it('has only fields that Helm knows, and text where Helm wants text', () => {
      expect(unknownFields(index)).toEqual([]);
      expect(notText(index)).toEqual([]);
    });

    it('reads alike as JSON, YAML 1.2 and YAML 1.1', () => {
      const same = JSON.stringify(index);
      expect(JSON.stringify(load(text)) === same).toBe(true);
      expect(JSON.stringify(parse(text, { version: '1.1', maxAliasCount: 0 })) === same).toBe(true);
    }, 60_000);

    it('has none of the characters and escapes that a YAML 1.1 reader trips over', () => {
      expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/);
      expect(text.replaceAll('\\\\', '')).not.toMatch(/\\\/|\\u[dD][89a-fA-F]/);
    });
  });
});
