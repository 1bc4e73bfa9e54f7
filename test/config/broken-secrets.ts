import { type Broken, good, upstream } from './broken.ts';

/** Secrets and placeholders that do not work out. */
export const brokenSecrets: readonly Broken[] = [
  {
    wrong: 'credentials without a password',
    text: upstream('name: a', 'url: https://a.corp', 'auth: { username: u }'),
    expected: [[4, 11, 'upstreams[0].auth.password', 'it is missing beside username; expected both or neither']],
  },
  {
    wrong: 'credentials as a text',
    text: upstream('name: a', 'url: https://a.corp', 'auth: hunter2'),
    expected: [
      [
        4,
        11,
        'upstreams[0].auth',
        'found a text; expected a mapping with username and password, token, headers, dockerConfig or provider',
      ],
    ],
  },
  {
    wrong: 'a password that is a number',
    text: upstream('name: a', 'url: https://a.corp', 'auth: { username: u, password: 12345678 }'),
    expected: [[4, 36, 'upstreams[0].auth.password', 'found [secret]; put it in quotes']],
  },
  {
    wrong: 'a password that is empty',
    text: upstream('name: a', 'url: https://a.corp', 'auth: { username: u, password: "${EMPTY}" }'),
    environment: { EMPTY: '' },
    expected: [[4, 36, 'upstreams[0].auth.password', 'the secret is empty']],
  },
  {
    wrong: 'a variable that is not set',
    text: `server:\n  adminToken: \${CHARTROOM_ADMIN_TOKEN}\n${good}`,
    expected: [[2, 15, 'server.adminToken', 'the environment variable CHARTROOM_ADMIN_TOKEN is not set']],
  },
  {
    wrong: 'a secret file that is not there',
    text: `server:\n  adminToken: \${file:/nowhere/token}\n${good}`,
    expected: [[2, 15, 'server.adminToken', 'the file /nowhere/token cannot be read (ENOENT)']],
  },
  {
    wrong: 'a secret file that is a device',
    text: `server:\n  adminToken: \${file:/dev/zero}\n${good}`,
    expected: [[2, 15, 'server.adminToken', 'the file /dev/zero cannot be read (it is not a regular file)']],
  },
  {
    wrong: 'a placeholder that is none',
    text: `server:\n  adminToken: \${hunter2 hunter2}\n${good}`,
    expected: [[2, 15, 'server.adminToken', 'this is not a placeholder; expected ${NAME}']],
  },
  {
    wrong: 'a placeholder that is not closed',
    text: `server:\n  adminToken: \${hunter2\n${good}`,
    expected: [[2, 15, 'server.adminToken', 'this is not a placeholder']],
  },
  {
    wrong: 'a variable with a wrong value',
    text: upstream('name: ${NAME}', 'url: ./charts'),
    environment: { NAME: 'hunter2!' },
    expected: [[2, 11, 'upstreams[0].name', 'found "${NAME}", which stands for something else; expected a DNS label']],
  },
  {
    wrong: 'a listen address from the environment that is none',
    text: good,
    environment: { CHARTROOM_LISTEN: 'everywhere' },
    expected: [
      [1, 1, 'server.listen', 'found "${CHARTROOM_LISTEN}", which stands for something else; expected address:port'],
    ],
  },
  {
    wrong: 'several things at once',
    text: `server:\n  coldWait: soon\n${upstream('name: A', 'urll: ./charts', 'mirror: nothing')}log: { level: loud }\n`,
    expected: [
      [2, 13, 'server.coldWait', 'found "soon"'],
      [4, 11, 'upstreams[0].name', 'found "A"'],
      [5, 5, 'upstreams[0].urll', 'did you mean "url"?'],
      [6, 13, 'upstreams[0].mirror', 'found "nothing"'],
      [7, 15, 'log.level', 'found "loud"'],
    ],
  },
];
