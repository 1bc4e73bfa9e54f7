import { gzipSync } from 'node:zlib';

import { rawTar } from './raw-tar.ts';

/** A chart that Helm reads in a way of its own. */
export interface OddChart {
  /** What is odd, as the end of a sentence. */
  readonly about: string;
  /** What is in its folder; of a name there may be several. */
  readonly files: readonly (readonly [path: string, text: string])[];
}

/** The archive of a chart made of these files, the same bytes every time. */
export function archiveOf(files: OddChart['files']): Buffer {
  return gzipSync(rawTar(...files.map(([path, body]) => ({ name: `odd/${path}`, body }))));
}

const named = 'name: odd\nversion: 1.2.3\n';

function chart(about: string, text: string, ...more: OddChart['files']): OddChart {
  return { about, files: [['Chart.yaml', `${named}${text}\n`], ...more] };
}

/** Each for a trap of Go's YAML, Go's JSON or Helm's own reading. Helm pushes them all. */
export const oddCharts: readonly OddChart[] = [
  chart(
    'numbers where text is meant',
    'appVersion: 1.10\nkubeVersion: 1.23456789\ndescription: 1234567.5\nhome: 1e-7\nicon: .5_0\ncondition: 08\ntags: -0.0\nkeywords: [1., 1.0, 100000.0, 1e6, 0.0001, 0.00001, 3.5e38, 1e999, 1_000.5, 1__0, 5e-324, +.5, 16777217.0, .5__0]',
  ),
  chart(
    'whole numbers of every base',
    'keywords: [0x10, 0X1F, 0o17, 017, 0b11, 0B11, 1_000, -0x1F, -017, +1, -0, 00, 0o8, 0b2, 0x, 9223372036854775807, 18446744073709551615, 18446744073709551616, -9223372036854775808, -9223372036854775809, +9223372036854775808, 0xffffffffffffffffff]',
  ),
  chart(
    'words that are truths or nothing',
    'keywords: [yes, No, on, OFF, y, N, TRUE, false, yEs, tRUE, Null, nULL, ~, "yes", "", "null"]\ndeprecated: yes\nhome: yes\nicon: ~\ndescription:',
  ),
  chart(
    'what is not finite',
    'keywords: [.inf, -.Inf, +.INF, .NaN, +.nan, .iNF]\nannotations: {.inf: a, -.inf: b, .nan: c}',
  ),
  chart(
    'dates and times',
    'appVersion: 2001-12-14\nkeywords: [2001-12-14t21:59:43.1Z, 2001-1-1, 12:30:45, 190:20:30.15]',
  ),
  { about: 'a version that is a number', files: [['Chart.yaml', 'apiVersion: v2\nname: odd\nversion: 1.10\n']] },
  { about: 'a version with build metadata', files: [['Chart.yaml', 'name: odd\nversion: v1.2.3-rc.1+build.5\n']] },
  { about: 'no apiVersion', files: [['Chart.yaml', named]] },
  chart('characters that HTML knows', 'description: <a href="x">&</a>\nannotations: {"<k>&": "<v>", \'q\': "\\"\\\\"}'),
  chart(
    'separators and escapes',
    'description: "a\\Lb\\Pc\\Nd\\_e\\tf\\x07g\\x7fh"\nannotations: {a: "a\\Lb\\Pc\\Nd\\_e\\tf\\x07\\b\\f\\0\\e\\x7f"}',
  ),
  chart(
    'characters that cannot be seen',
    'description: "a\\u200Db\\uFEFFc\\u00ADd\\uE000e\\u3000f\\u2003g\\U0001F468\\u200D\\U0001F469"\nannotations: {a: "a\\u200Db\\uFEFFc\\uE000"}\ntype: ""',
  ),
  chart(
    'letters of the world',
    'description: Ünïcödé 日本語 😀 עברית\nmaintainers: [{name: Jürgen Müller, email: jürgen@example.org}]',
  ),
  chart(
    'text on several lines',
    'description: |\n  one\n  two\nhome: >-\n  folded\n  text\n\n  more\nicon: plain\n  goes on\ncondition: "quoted\n  goes on\\\n  here"\nannotations:\n  a: |+\n    kept\n\n  b: >2\n      in\n    out',
  ),
  chart(
    'keys of every kind',
    'annotations: {"\\uE000": a, "\\U00010000": b, 10: c, 2: d, 1.10: e, 1e10: f, yes: g, Z: h, a: i, 0x10: j, é: k, "": l, "__proto__": m, "constructor": n}',
  ),
  chart(
    'fields in other letters',
    'Home: https://a.example\nAPPVERSION: "1"\nſources: [a]\n\u212aeywords: [b]\ndependencies: [{NAME: a, Repository: b, VERSION: 1}]\nENGINE: gotpl',
  ),
  chart('a field twice', 'description: first\ndescription: last\nannotations: {a: 1, a: 2}'),
  chart('fields that differ in case alone', 'description: b\nDescription: a\nkeywords: [a]\nKEYWORDS: [b, c]'),
  chart(
    'merges',
    'base: &b {description: merged, home: merged}\nother: &o {home: other, icon: other}\n<<: [*b, *o]\nannotations: {a: 1, <<: {a: 2, b: 2}, b: 3, <<: {c: 4}, "<<": 5}\ncondition: <<',
  ),
  chart('merges over what stands before them', 'base: &b {description: merged}\ndescription: own\n<<: *b'),
  chart(
    'aliases',
    'home: &h https://a.example\nsources: &s [*h, *h]\nkeywords: *s\nannotations: &a {*h : *h}\nmaintainers: [&m {name: a}, *m]',
  ),
  chart(
    'nothing where something could be',
    'sources: ~\nkeywords: [~, b]\nmaintainers:\nannotations: {a: ~, b: }\ndependencies: []\ndeprecated: ~',
  ),
  chart(
    'text that is quoted or tagged',
    "appVersion: '1.10'\nkubeVersion: \"1.20\"\nhome: !!str 1.10\nicon: !!str yes\ndescription: 'it''s'",
  ),
  chart('fields that nobody knows', 'engine: gotpl\ntillerVersion: ">=2.0"\nfoo: {a: [1, {b: c}]}\n1: 2'),
  chart(
    'dependencies with all they may have',
    'dependencies:\n- name: a\n- name: b\n  version: 1.10\n  repository: https://b.example?a=1&b=<2>\n  condition: b.enabled\n  tags: [x, 1]\n  enabled: yes\n  alias: bee\n- {name: c, enabled: no, repository: "@stable", alias: ""}',
  ),
  chart(
    'values to import of any shape',
    'dependencies:\n- name: a\n  import-values: [data, {parent: p, child: c}, 1.0, 1.10, -0.0, 1e21, 1e-7, 1e20, 123456789012345678901, 18446744073709551615, ~, yes, [], {}, [[1, {z: 1, a: [2], 1: x, 1.50: y, yes: z}]], 2001-01-01, "<", <<]',
  ),
  {
    about: 'Chart.yaml in JSON',
    files: [
      [
        'Chart.yaml',
        '{"apiVersion":"v2","name":"odd","version":"1.2.3","appVersion":"\\u00e91","deprecated":true,"keywords":["a"]}',
      ],
    ],
  },
  {
    about: 'a byte order mark and line ends of Windows',
    files: [
      [
        'Chart.yaml',
        `\uFEFF---\r\napiVersion: v2\r\n${named.replaceAll('\n', '\r\n')}description: |\r\n  a\r\n  b\r\n`,
      ],
    ],
  },
  {
    about: 'directives, comments and an end',
    files: [['Chart.yaml', `%YAML 1.1\n# one\n---\n# two\n${named}description: a # no\nhome: a#b\n...\n`]],
  },
  chart('documents that follow', 'description: first\n---\ndescription: second\n---\n['),
  chart(
    'tags of its own',
    'appVersion: !x 1.10\nhome: !!x yes\nicon: !x\ndescription: !!binary aMOpbGxv\nkeywords: !x [!x ~, !!int 0x10, !!float 1, ! 1.50]\nannotations: !x {!x a: !<tag:a.example,2001:b> 1.0}\nmaintainers: [!x {name: a}]',
  ),
  chart('requirements.yaml', 'apiVersion: v1', [
    'requirements.yaml',
    'dependencies:\n- name: a\n  version: 1.0.0\n  repository: https://a.example\n',
  ]),
  chart(
    'dependencies in both places',
    'apiVersion: v1\ndependencies: [{name: a, version: "1", alias: x}, {name: b, tags: [t, u]}, {name: c}]',
    ['requirements.yaml', 'dependencies:\n- repository: https://a.example\n- name: d\n  tags: [v]\n'],
  ),
  chart(
    'a requirements.yaml that says more',
    'description: own\nhome: own\nkeywords: [a, b]\nsources: [a]\nannotations: {a: 1, b: 2}\nmaintainers: [{name: a, email: e}, {name: b}]',
    [
      'requirements.yaml',
      'description: theirs\nhome: ~\nkeywords: [~, c, d]\nsources: ~\nannotations: {b: 3, c: 4}\nmaintainers: [{name: c}]\n',
    ],
  ),
  chart('a requirements.yaml with two documents', '', [
    'requirements.yaml',
    'dependencies: [{name: a}]\n---\ndependencies: [{name: b}]\n',
  ]),
  {
    about: 'several Chart.yaml',
    files: [
      ['Chart.yaml', `${named}description: first\nhome: first\nkeywords: [a, b]\n`],
      ['Chart.yaml', `${named}apiVersion: v2\ndescription: second\nkeywords: [c]\n`],
    ],
  },
  chart(
    'maintainers who say little',
    'maintainers: [{name: A, email: a@example.org, url: u}, {email: b@example.org}, {}, {name: D}, {url: only}]',
  ),
  chart('one maintainer without a name', 'maintainers: [{url: only}]\nhome: " "\ndescription: "\\t"\nsources: ["", b]'),
  chart(
    'annotations that are those of the image',
    'description: own\nhome: https://own.example\nsources: [https://own.example/source]\nannotations:\n  org.opencontainers.image.title: theirs\n  org.opencontainers.image.version: theirs\n  org.opencontainers.image.description: theirs\n  org.opencontainers.image.url: ""\n  org.opencontainers.image.source: theirs\n  org.opencontainers.image.authors: theirs\n  org.opencontainers.image.created: "2001-01-01T00:00:00Z"\n  a.example/<x>: 1.10',
  ),
];
