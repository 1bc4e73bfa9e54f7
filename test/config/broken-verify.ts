import { type Broken, good, upstream } from './broken.ts';

const chartRepository = (...rows: readonly string[]): string => upstream('name: a', 'url: https://a.corp', ...rows);

/** Checks of provenance that cannot be done, or are not said in full. What is in a keyring is in `verify.test.ts`. */
export const brokenVerify: readonly Broken[] = [
  {
    wrong: 'a check that says nothing',
    text: chartRepository('verify:'),
    expected: [[4, 5, 'upstreams[0].verify', 'found nothing; expected a mapping with keyring, mode or both']],
  },
  {
    wrong: 'a check as a file',
    text: chartRepository('verify: pubring.gpg'),
    expected: [[4, 13, 'upstreams[0].verify', 'found a text; expected a mapping with keyring, mode or both']],
  },
  {
    wrong: 'an empty check',
    text: chartRepository('verify: {}'),
    expected: [
      [4, 13, 'upstreams[0].verify.keyring', 'it is missing; expected the path of a file of public keys, or mode: off'],
    ],
  },
  {
    wrong: 'a check without keys',
    text: chartRepository('verify: { mode: report }'),
    expected: [[4, 13, 'upstreams[0].verify.keyring', 'it is missing; expected the path']],
  },
  {
    wrong: 'a check without keys for all, switched off by nobody',
    text: `defaults: { verify: { mode: require } }\n${good}`,
    expected: [[1, 21, 'defaults.verify.keyring', 'it is missing; expected the path']],
  },
  {
    wrong: 'a misspelt keyring',
    text: chartRepository('verify: { keyrign: config.yaml }'),
    expected: [[4, 15, 'upstreams[0].verify.keyrign', 'unknown option "keyrign"; did you mean "keyring"?']],
  },
  {
    wrong: 'a misspelt mode',
    text: chartRepository('verify: { mode: requires, keyring: "" }'),
    expected: [
      [4, 21, 'upstreams[0].verify.mode', 'found "requires"; did you mean "require"? expected off, report or require'],
      [4, 40, 'upstreams[0].verify.keyring', 'found ""; expected a path'],
    ],
  },
  {
    wrong: 'a mode that is a truth value',
    text: chartRepository('verify:', '  mode: false'),
    expected: [
      [5, 7, 'upstreams[0].verify.keyring', 'it is missing'],
      [5, 13, 'upstreams[0].verify.mode', 'found the boolean false; expected off, report or require'],
    ],
  },
  {
    wrong: 'a keyring that is not there',
    text: chartRepository('verify: { keyring: /nowhere/pubring.gpg }'),
    expected: [[4, 24, 'upstreams[0].verify.keyring', 'the file /nowhere/pubring.gpg cannot be read (ENOENT)']],
  },
  {
    wrong: 'a keyring that is a folder',
    text: chartRepository('verify: { keyring: /etc }'),
    expected: [[4, 24, 'upstreams[0].verify.keyring', 'the file /etc cannot be read (it is not a regular file)']],
  },
  {
    wrong: 'a keyring that is something else',
    text: chartRepository('verify: { keyring: config.yaml, mode: report }'),
    expected: [
      [
        4,
        24,
        'upstreams[0].verify.keyring',
        '/config.yaml holds no OpenPGP keys; expected public keys as "gpg --export"',
      ],
    ],
  },
  {
    wrong: 'a keyring in a variable that is not set',
    text: chartRepository('verify: { keyring: "${KEYRING}" }'),
    expected: [[4, 24, 'upstreams[0].verify.keyring', 'the environment variable KEYRING is not set']],
  },
  {
    wrong: 'several keyrings',
    text: chartRepository('verify: { keyring: [a.gpg, b.gpg] }'),
    expected: [[4, 24, 'upstreams[0].verify.keyring', 'found a list; expected a path']],
  },
];
