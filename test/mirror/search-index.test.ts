import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import fc from 'fast-check';
import { load } from 'js-yaml';
import { beforeAll, describe, expect, test } from 'vitest';

import { SearchIndex, type Searchable } from '../../src/mirror/reading/search-index.ts';
import { needsSharedData, sharedData, type SharedRepository } from '../support/shared-data.ts';

function chart(name: string, more: Partial<Searchable> = {}): Searchable {
  return { name, keywords: [], deprecated: false, ...more };
}

function indexOf(...charts: readonly Searchable[]): SearchIndex {
  const index = new SearchIndex();
  for (const one of charts) index.set(one);
  return index;
}

describe('a search', () => {
  test('ranks the whole name, its beginning, words in it, keywords, and the description', () => {
    const index = indexOf(
      chart('spread', { description: 'what redis says' }),
      chart('spreads', { description: 'rediscovered' }),
      chart('store', { keywords: ['redis'] }),
      chart('stores', { keywords: ['redistributed'] }),
      chart('my-redis'),
      chart('my-redisson'),
      chart('redis-cluster'),
      chart('redis'),
    );

    expect(index.find('redis')).toEqual([
      'redis',
      'redis-cluster',
      'my-redis',
      'my-redisson',
      'store',
      'stores',
      'spread',
      'spreads',
    ]);
  });

  test('wants every word, wherever it is', () => {
    const index = indexOf(
      chart('node-exporter', { keywords: ['prometheus'] }),
      chart('prometheus', { description: 'scrapes an exporter' }),
      chart('prometheus-node-exporter'),
      chart('exporter'),
    );

    expect(index.find('prometheus exporter')).toEqual(['prometheus-node-exporter', 'node-exporter', 'prometheus']);
    expect(index.find('exporter prometheus')).toEqual(index.find('prometheus exporter'));
  });

  test.each(['cert-manager', 'cert manager', 'certmanager', 'Cert_Manager', 'cert-man', 'certm', ' CERT '])(
    'finds a name however it is divided: %j',
    (text) => {
      const index = indexOf(chart('cert-manager-csi'), chart('cert-manager'), chart('my-cert-manager'), chart('other'));

      expect(index.find(text).slice(0, 2)).toEqual(['cert-manager', 'cert-manager-csi']);
    },
  );

  test('prefers the name as it was written', () => {
    const index = indexOf(chart('argocd'), chart('argo-cd'));

    expect(index.find('argocd')).toEqual(['argocd', 'argo-cd']);
    expect(index.find('argo-cd')).toEqual(['argo-cd', 'argocd']);
  });

  test('puts what is deprecated behind its equals, then short names first, then by the alphabet', () => {
    const index = indexOf(chart('db-b'), chart('db-old', { deprecated: true }), chart('db-long'), chart('db-a'));

    expect(index.find('db')).toEqual(['db-a', 'db-b', 'db-long', 'db-old']);
  });

  test('looks for one or two letters at the beginning of words in names only', () => {
    const index = indexOf(chart('my-redis'), chart('store', { description: 'redis', keywords: ['re'] }), chart('core'));

    expect(index.find('re')).toEqual(['my-redis', 'store']);
    expect(index.find('r')).toEqual(['my-redis']);
  });

  test.each([
    ['ngnix', 'nginx'],
    ['ngin', 'nginx'],
    ['postgress', 'postgresql'],
    ['prometeus', 'prometheus'],
    ['grafna', 'grafana'],
    ['cert manger', 'cert-manager'],
    ['lokki', 'loki'],
  ])('forgives %s', (text, name) => {
    const names = ['nginx', 'postgresql', 'prometheus', 'grafana', 'cert-manager', 'loki', 'minio', 'vault'];

    expect(indexOf(...names.map((one) => chart(one))).find(text)).toEqual([name]);
  });

  test('forgives nobody who finds what was asked for', () => {
    const index = indexOf(chart('nginx'), chart('ngins'), chart('minio', { keywords: ['nginz'] }));

    expect(index.find('nginx')).toEqual(['nginx']);
    expect(index.find('nginz')).toEqual(['minio']);
  });

  test('forgives more where only a description or two were found', () => {
    const index = indexOf(chart('postgresql'), chart('store', { description: 'like postgress' }));

    expect(index.find('postgress')).toEqual(['store', 'postgresql']);
  });

  test('looks for words that all descriptions have only where nothing else is asked for', () => {
    const index = indexOf(
      chart('redis', { description: 'A Helm chart for Kubernetes' }),
      chart('helm-operator'),
      chart('nginx', { keywords: ['kubernetes'], description: 'a server for the web' }),
    );

    expect(index.find('helm')).toEqual(['helm-operator', 'redis']);
    expect(index.find('kubernetes')).toEqual(['nginx', 'redis']);
    expect(index.find('Helm chart')).toEqual(['redis']);
    expect(index.find('a Helm chart for the web')).toEqual(['nginx']);
    expect(index.find('kuber')).toEqual(['nginx']);
    expect(index.find('kubernetes operator')).toEqual(['helm-operator']);
    index.set(chart('redis', { description: 'without' }));
    expect(index.find('kubernetes')).toEqual(['nginx']);
  });

  test.each(['', ' ', '***', '-', 'nothing-is-named-so'])('finds nothing for %j', (text) => {
    expect(indexOf(chart('redis')).find(text)).toEqual([]);
  });

  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('finds %s like any other word', (name) => {
    const index = indexOf(chart(name), chart('other', { description: `${name} here` }));

    expect(index.find(name)).toEqual([name, 'other']);
    expect(indexOf(chart('redis')).find(name)).toEqual([]);
  });

  test('takes a long text, and finds long words by their beginning', () => {
    const long = 'x'.repeat(5_000);
    const index = indexOf(chart('store', { description: `${long} ${'y'.repeat(5_000)}`, keywords: [long] }));

    expect(index.find(long)).toEqual(['store']);
    expect(index.find('y'.repeat(10))).toEqual([]);
    expect(index.find('word '.repeat(10_000))).toEqual([]);
  });

  test('finds words of any script', () => {
    const index = indexOf(chart('store', { description: 'Хранилище für Zugänge 数据库' }));

    for (const text of ['хранилище', 'ZUGÄNGE', '数据库']) expect(index.find(text)).toEqual(['store']);
  });
});

describe('an index that changed', () => {
  test('finds what is there now, and nothing that was there before', () => {
    const index = indexOf(chart('store', { description: 'of goods' }), chart('shop'));
    index.set(chart('store', { description: 'of wares' }));
    index.remove('shop');
    index.remove('never-there');

    expect(index.find('goods')).toEqual([]);
    expect(index.find('wares')).toEqual(['store']);
    expect(index.find('shop')).toEqual([]);
  });

  test('answers like one that was made of the same charts at once', () => {
    const word = fc.constantFrom('redis', 'redix', 'argo', 'cd', 'store', 'stores', 'of', 'a', 'my');
    const text = fc.array(word, { minLength: 1, maxLength: 4 });
    const change = fc.record({
      name: text.map((words) => words.join('-')),
      description: text.map((words) => words.join(' ')),
      keywords: text,
      deprecated: fc.boolean(),
      removed: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), text, (changes, words) => {
        const index = new SearchIndex();
        const charts = new Map<string, Searchable>();
        for (const { removed, ...one } of changes) {
          if (removed) index.remove(one.name);
          else index.set(one);
          if (removed) charts.delete(one.name);
          else charts.set(one.name, one);
        }
        const fresh = indexOf(...[...charts.values()].reverse());

        expect(index.find(words.join(' '))).toEqual(fresh.find(words.join(' ')));
      }),
    );
  });
});

const real: readonly SharedRepository[] = ['argo', 'grafana', 'ingress-nginx', 'metrics-server', 'podinfo'];

/** What really is searched for, in repositories as their projects published them. */
describe.skipIf(needsSharedData(...real))('among real charts', () => {
  const index = new SearchIndex();

  beforeAll(async () => {
    for (const repository of real) {
      const text = await readFile(join(sharedData(repository), 'index.yaml'), 'utf8');
      const { entries } = load(text) as { readonly entries: Readonly<Record<string, readonly Partial<Searchable>[]>> };
      for (const [name, [latest]] of Object.entries(entries)) {
        index.set({
          name,
          description: latest?.description,
          keywords: latest?.keywords ?? [],
          deprecated: latest?.deprecated ?? false,
        });
      }
    }
  });

  test.each([
    ['argo', ['argo', 'argo-cd', 'argo-events']],
    ['argo cd', ['argo-cd', 'argocd-apps', 'argocd-image-updater']],
    ['argocd', ['argo-cd', 'argocd-apps']],
    ['gitops', ['argo-cd']],
    ['loki', ['loki', 'loki-simple-scalable', 'loki-stack']],
    ['grafana', ['grafana']],
    ['grafna', ['grafana']],
    ['nginx', ['ingress-nginx']],
    ['ngnix', ['ingress-nginx']],
    ['ingress controller', ['ingress-nginx']],
    ['metrics', ['metrics-server']],
    ['podinfo', ['podinfo']],
    ['rollouts', ['argo-rollouts']],
    ['traces', ['lgtm-distributed']],
  ])('%s finds %j first', (text, expected) => {
    expect(index.find(text).slice(0, expected.length)).toEqual(expected);
  });
});
