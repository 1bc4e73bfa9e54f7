import { type Broken, good, lines, upstream } from './broken.ts';

/** Files that are no mapping of options. */
export const brokenDocuments: readonly Broken[] = [
  { wrong: 'an empty file', text: '', expected: [[1, 1, '', 'the file is empty']] },
  { wrong: 'a file of comments', text: '# nothing\n\n', expected: [[1, 1, '', 'the file is empty']] },
  { wrong: 'a null document', text: '---\n~\n', expected: [[1, 1, '', 'the file is empty']] },
  { wrong: 'a list', text: '# x\n- a\n', expected: [[2, 1, '', 'found a list; expected a mapping']] },
  { wrong: 'a single text', text: 'upstreams\n', expected: [[1, 1, '', 'found a text; expected a mapping']] },
  {
    wrong: 'bytes that are not UTF-8',
    text: Buffer.concat([Buffer.from('log:\n  level: '), Buffer.from([0xe9, 0x0a])]),
    expected: [[2, 10, '', 'not UTF-8 from here on']],
  },
  {
    wrong: 'UTF-16 with a byte order mark',
    text: Buffer.from(`\uFEFF${good}`, 'utf16le'),
    expected: [[1, 1, '', 'not UTF-8 from here on']],
  },
  {
    wrong: 'a tab as indentation',
    text: 'upstreams:\n\t- name: a\n',
    expected: [[2, 1, '', 'a tab in the indentation']],
  },
  {
    wrong: 'a quote that is not closed',
    text: 'log: { level: "info }\n',
    expected: [[2, 1, '', 'a quote, comma, colon or bracket is missing here or before']],
  },
  {
    wrong: 'a bracket that is not closed',
    text: 'upstreams: [{ name: a }\nlog: {}\n',
    expected: [[2, 1, '', 'a bracket is not closed']],
  },
  {
    wrong: 'indentation that fits nothing',
    text: 'server:\n  operations: same\n coldWait: 1s\n',
    expected: [[3, 1, '', 'the indentation does not fit']],
  },
  { wrong: 'two values on one line', text: 'log: level: info\n', expected: [[1, 6, '', 'a second ": " on one line']] },
  {
    wrong: 'a placeholder without quotes inside braces',
    text: 'server: { adminToken: ${TOKEN} }\n',
    expected: [[1, 24, '', 'inside { } and [ ] a value with "${...}" needs quotes']],
  },
  {
    wrong: 'a password that begins with a reserved character',
    text: upstream('name: a', 'url: https://a.corp', 'auth:', '  username: u', '  password: @hunter2'),
    expected: [[6, 17, '', 'a value cannot start with this character; put it in quotes']],
  },
  {
    wrong: 'a password that is read as a tag',
    text: upstream('name: a', 'url: https://a.corp', 'auth:', '  username: u', '  password: !hunter2'),
    expected: [[6, 17, '', 'a "!" before a value makes a tag']],
  },
  {
    wrong: 'a password that is read as an alias',
    text: upstream('name: a', 'url: https://a.corp', 'auth:', '  username: u', '  password: *hunter2'),
    expected: [[6, 17, 'upstreams[0].auth.password', 'a "*" at the start makes an alias']],
  },
  {
    wrong: 'an escape that does not exist',
    text: `${good}log: { level: "\\q" }\n`,
    expected: [[4, 16, '', '"\\" escape is unknown']],
  },
  { wrong: 'two documents', text: `${good}---\nlog: {}\n`, expected: [[4, 1, '', 'a second document begins here']] },
  {
    wrong: 'brackets within brackets within brackets',
    text: `upstreams: ${'['.repeat(100)}${']'.repeat(100)}\n`,
    expected: [[1, 44, '', 'brackets are nested too deeply']],
  },
  {
    wrong: 'an alias bomb',
    text: lines(
      'a: &a [x, x, x, x, x, x, x, x, x, x]',
      ...['b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l'].map(
        (name, at, all) =>
          `${name}: &${name} [${Array(10)
            .fill(`*${all[at - 1] ?? 'a'}`)
            .join(', ')}]`,
      ),
    ),
    expected: [[12, 8, '', 'more than 100 aliases']],
  },
  {
    wrong: 'a list that holds itself',
    text: 'upstreams: &a [*a, *a]\n',
    expected: [
      [1, 16, 'upstreams[0]', 'found a list; expected a mapping with name and url'],
      [1, 20, 'upstreams[1]', 'found a list; expected a mapping with name and url'],
    ],
  },
];

/** Keys that are wrong, missing or not alone. */
export const brokenKeys: readonly Broken[] = [
  {
    wrong: 'a misspelt key',
    text: upstream('name: a', 'urll: ./charts'),
    expected: [[3, 5, 'upstreams[0].urll', 'unknown option "urll"; did you mean "url"?']],
  },
  {
    wrong: 'a key in another case',
    text: upstream('name: a', 'url: oci://a.corp', 'plain_http: true'),
    expected: [[4, 5, 'upstreams[0].plain_http', 'did you mean "plainHTTP"?']],
  },
  {
    wrong: 'a key of a later version',
    text: `${good}access:\n  users: []\n`,
    expected: [
      [
        4,
        1,
        'access',
        'unknown option "access"; expected one of server, store, defaults, upstreams, repositories, log',
      ],
    ],
  },
  {
    wrong: 'a prototype as a key',
    text: `${good}__proto__: { log: { level: debug } }\nconstructor: 1\n`,
    expected: [
      [4, 1, '__proto__', 'unknown option "__proto__"'],
      [5, 1, 'constructor', 'unknown option "constructor"'],
    ],
  },
  {
    wrong: 'a key twice',
    text: upstream('name: a', 'url: ./charts', 'name: b'),
    expected: [[4, 5, 'upstreams[0].name', '"name" is given twice; the first is in line 2']],
  },
  {
    wrong: 'a key that is a list',
    text: `${good}? [a, b]\n: 1\n`,
    expected: [[4, 3, '', 'found a key that is not a text']],
  },
  {
    wrong: 'a merge key',
    text: `${good}log:\n  <<: { level: info }\n`,
    expected: [[5, 3, 'log.<<', 'unknown option "<<"; expected one of level, format']],
  },
  {
    wrong: 'no upstreams',
    text: 'log: {}\n',
    expected: [[1, 1, 'upstreams', 'it is missing; expected a list of upstreams']],
  },
  {
    wrong: 'an empty list of upstreams',
    text: 'log: {}\nupstreams: []\n',
    expected: [[2, 12, 'upstreams', 'found an empty list; expected a list of upstreams, with at least one in it']],
  },
  { wrong: 'upstreams without a value', text: 'upstreams:\n', expected: [[1, 1, 'upstreams', 'found nothing']] },
  {
    wrong: 'upstreams as a mapping',
    text: 'upstreams:\n  a: { url: ./charts }\n',
    expected: [[2, 3, 'upstreams', 'found a mapping; expected a list of upstreams']],
  },
  {
    wrong: 'a section that is a text',
    text: `${good}server: 127.0.0.1:8080\n`,
    expected: [[4, 9, 'server', 'found a text; expected a mapping of server options']],
  },
  {
    wrong: 'an upstream without name and url',
    text: 'upstreams:\n  - type: folder\n',
    expected: [
      [2, 5, 'upstreams[0].name', 'it is missing; expected a DNS label'],
      [2, 5, 'upstreams[0].url', 'it is missing; expected a url'],
    ],
  },
];
