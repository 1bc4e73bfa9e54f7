import { type OptionSchema, listForm, mappingForm } from '../src/config/options.ts';

/** The reference page of the configuration: one table for each mapping, in the order of the schema. */
export function renderReference(options: OptionSchema): string {
  return `${[introduction, smallest, ...sections('', options), offering, credentials, secrets, units, types, changes, mistakes].join('\n\n')}\n`;
}

const introduction = `# Configuration

<!-- Generated from src/config/schema.ts by "npm run docs": change it there. -->

One YAML file says everything. It is the file given with \`--config FILE\`, else the one named in \`CHARTROOM_CONFIG\`, else, in a clone, \`config/minimal.yaml\`. \`chartroom check\` says whether a file is valid and what it configures; with \`--connect\` it asks every upstream and the store. A recipe for each product is in [upstreams.md](upstreams.md).

[\`config/example.yaml\`](../config/example.yaml) shows every option. Editors that know yaml-language-server complete and check the file when its first line is

\`\`\`yaml
# yaml-language-server: $schema=./schema.json
\`\`\`

with the path of [\`config/schema.json\`](../config/schema.json). Relative paths in the file begin at the folder the file is in. An option that is not on this page does not exist in this version, and is an error.`;

const smallest = `The smallest useful file:

\`\`\`yaml
upstreams:
  - name: podinfo
    url: https://stefanprodan.github.io/podinfo
\`\`\``;

/** A section for a mapping and for each mapping inside it. */
function sections(path: string, schema: OptionSchema): readonly string[] {
  const properties = Object.entries(mappingForm(schema)?.properties ?? {});
  const required = mappingForm(schema)?.required ?? [];
  const rows = properties.map(([key, option]) => row(key, option, required.includes(key)));
  const title = path === '' ? '## The file' : `## \`${path}\``;
  const lead = path === '' ? [] : [schema.description ?? ''];
  const own = [title, ...lead, table(rows)].join('\n\n');
  return [own, ...properties.flatMap(([key, option]) => inner(path === '' ? key : `${path}.${key}`, option))];
}

function inner(path: string, option: OptionSchema): readonly string[] {
  if (path === 'defaults') return [`## \`defaults\`\n\n${option.description} They are those of \`upstreams[]\` below.`];
  const items = listForm(option)?.items;
  if (mappingForm(items)) return sections(`${path}[]`, items ?? {});
  return mappingForm(option)?.properties ? sections(path, option) : [];
}

function table(rows: readonly string[]): string {
  return ['| option | type | default | what it is |', '|---|---|---|---|', ...rows].join('\n');
}

function row(key: string, option: OptionSchema, required: boolean): string {
  const cells = [`\`${key}\``, typeOf(option), defaultOf(option, required), whatItIs(option)];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function typeOf(option: OptionSchema): string {
  return option.writeOnly ? `secret: ${option.allowed}` : (option.allowed ?? '');
}

function defaultOf(option: OptionSchema, required: boolean): string {
  if (option.absent !== undefined) return option.absent;
  const value = option.default;
  if (value !== undefined && typeof value !== 'object') return `\`${value}\``;
  return required ? '**required**' : '';
}

function whatItIs(option: OptionSchema): string {
  const example = option.examples?.[0];
  const shown =
    example === undefined ? '' : ` Example: \`${typeof example === 'string' ? quoted(example) : inYaml(example)}\``;
  return `${option.description}${shown}`;
}

function quoted(text: string): string {
  return /^[*!&[>]/.test(text) ? `"${text}"` : text;
}

/** A small value on one line, as YAML is written by hand. */
function inYaml(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inYaml).join(', ')}]`;
  if (typeof value !== 'object' || value === null) {
    return /^[${]/.test(String(value)) ? `"${String(value)}"` : quoted(String(value));
  }
  const pairs = Object.entries(value).map(([key, inside]) => `${key}: ${inYaml(inside)}`);
  return `{ ${pairs.join(', ')} }`;
}

const offering = `## What a repository offers

A version is offered when nothing of this hides it. The rules are applied in this order; what hides a version hides it on every address, whether its archive is held or not.

| rule | what it hides is answered with |
|---|---|
| \`deny\` with a name or a range | 403, also for what nobody has |
| \`charts\`, \`versions\`, \`prereleases\` of the repository | 404 at once; no upstream is asked |
| \`owners\`, and who has listed the name longest | 404 for what only others list |
| \`versions\`, \`withdrawn\` and \`retired\` of the upstream that owns the name | 404, also where others list it |
| \`charts\` of an upstream | 404 where nobody else provides the name |
| \`deny\` with a digest | 403 |
| \`deprecated\` | 404 |
| \`cooldown\` | 404 until it has been known for so long |

\`listNewest\` hides nothing: it only shortens lists.

**Names are owned.** With \`overlap: first\` the upstream that has listed a name longest provides all of its versions, also while it is down, empty or hidden; between equals, such as upstreams configured together, the order of \`upstreams\` decides. With \`merge\` the same holds for each version, and spellings of one version (\`v1.2\`, \`1.2.0\`) are one. Another upstream that lists the name, or comes to list it, is reported as contested and does not provide it: only \`owners\` moves a name. An upstream that leaves a name out by its own \`charts\` does not claim it, so another one may provide it; what its \`versions\`, \`withdrawn\` or \`retired\` hide is offered by nobody else. A name in \`owners\` that its owner does not list is provided by nobody.

**Patterns.** \`owners\` and \`deny\` take a name or glob whatever its case, \`charts\` and \`versions\` as it is written. In mappings an exact name goes before globs, and globs go in the order of the file; a chart that no entry of \`versions\` is for is not limited.

**Ranges** are those of Helm: \`>=1.2, <2\`, \`~1.4\`, \`^2\`, \`1.x || 2.0.1\`. A space or a comma is "and". Prereleases are versions like any other in them, so \`<2.0.0\` has \`2.0.0-rc.1\` in it (\`<2\` has not); build metadata (\`+...\`) does not count. One that begins with \`>\` needs quotes in YAML.

**Cooldown** counts from the first time a version was seen, and for what an upstream's first good listing held from the version's own \`created\`. A new repository with a cooldown lists only what is old enough by then, so it may be empty at first.

Not usable as a name are the addresses of the server itself: \`charts\`, \`v2\`, \`api\`, \`ui\`, \`livez\`, \`readyz\`, \`metrics\`, \`index.yaml\`.

Removing an upstream or a repository from the file deletes nothing of what is held: written again, it has everything it had.`;

const credentials = `## Credentials

\`auth\` of an upstream has one of these forms; two of them together are an error.

| form | for |
|---|---|
| none | whatever needs no credentials. A registry's anonymous tokens are fetched by themselves |
| \`username\`, \`password\` | chart repositories (Basic) and registries (Basic, or exchanged for a token, as the registry asks). Also \`_json_key\` with a key's JSON, \`_json_key_base64\` with its base64, \`oauth2accesstoken\` with a token, \`AWS\` with a login password |
| \`token\` | chart repositories, registries and \`gs://\` buckets: \`Authorization: Bearer\` as it is |
| \`headers\` | chart repositories and registries: whatever else a server wants |
| \`dockerConfig\`, \`allowHelpers\` | registries. A file without an entry for the registry means anonymous, as with Docker |
| \`provider: aws\`, \`region\`, \`roleArn\`, \`accessKeyId\`, \`secretAccessKey\` | Amazon ECR, ECR public and \`s3://\` buckets. Without keys the identity of the environment: variables, files, web identity, container, instance |
| \`provider: gcp\`, \`keyFile\` | Artifact Registry, gcr.io and \`gs://\` buckets. Without a file the identity of the environment |
| \`provider: azure\`, \`tenantId\`, \`clientId\`, \`clientSecret\` | Azure Container Registry. Without a secret the identity of the environment, of which \`clientId\` chooses one |

A cloud's identity is for that cloud's own hosts: written for another host it is an error, and one that \`defaults\` says is left out there, as are all credentials of \`defaults\` that an upstream has no use for.

Credentials, own headers and client certificates go to the origin of the url (scheme, host and port), to the origins in \`passCredentials\`, and to where a registry is known to issue its tokens. They follow no redirect to anywhere else.`;

const secrets = `## Secrets and placeholders

In any value that is not a key:

| written | stands for |
|---|---|
| \`\${NAME}\` | the environment variable; an error when it is not set |
| \`\${NAME:-fallback}\` | the same, and the fallback when it is not set or empty |
| \`\${file:/path}\` | the content of a file of at most 1 MiB, without a newline at its end; an error when it cannot be read |
| \`$$\` | a dollar sign |

They are replaced after the file was parsed, so what they stand for cannot change the document. Inside \`{ }\` and \`[ ]\` such a value needs quotes, as YAML says. A number or a truth value may come from a placeholder, too.

Options of the type *secret* never appear in logs, messages or addresses of the API. A file that such an option names is read anew each time the secret is needed, so a rotated secret needs no restart; the files that \`tls\`, \`dockerConfig\` and \`keyFile\` name must be readable when the configuration is read, and are read again later as well. Another content of a keyring in \`verify\` is another configuration, which a running server loads by itself. A credential that is configured but cannot be read is an error, never an anonymous attempt. Credentials for a host other than this machine that would travel without TLS are allowed, with a warning.`;

const units = `## Durations and sizes

A duration is a whole number with \`ms\`, \`s\`, \`m\` or \`h\`: \`500ms\`, \`10s\`, \`2m\`, \`24h\`. Only \`0\` needs no unit. A size is a whole number with \`KiB\`, \`MiB\` or \`GiB\`, or plain bytes: \`512KiB\`, \`64MiB\`, \`67108864\`. Neither takes fractions or spaces.`;

const types = `## What a url tells

| url | type |
|---|---|
| \`https://…\`, \`http://…\` | \`chart-repository\` |
| the same, for a host that is only a registry: \`<account>.dkr.ecr.<region>.amazonaws.com\` and its other forms, \`public.ecr.aws\`, \`*.azurecr.{io,cn,us}\`, \`ghcr.io\`, \`*-docker.pkg.dev\`, \`[*.]gcr.io\`, \`[*.]docker.io\` | \`registry\` |
| \`oci://host/path\`, \`host/path\` | \`registry\` |
| \`s3://bucket/prefix\`, \`gs://bucket/prefix\` | \`bucket\` |
| \`./path\`, \`../path\`, \`/path\`, \`file:///path\` | \`folder\` |

A url holds no user name and no password: they belong in \`auth\`. The query of a chart repository's url is kept. A registry without TLS is written \`oci://host/path\` with \`plainHTTP: true\`. A bucket on another server than those of Amazon and Google is written \`s3://bucket/prefix\` with that server in \`endpoint\`.

\`charts\` may name charts, or match them: \`*\` any characters, \`?\` one, \`[a-c]\` one of several, \`{a,b}\` either. A chart is taken when a name or glob without \`!\` matches, or there is none such, and none with \`!\` matches. A registry takes plain names, perhaps with a path before them (\`team/nginx\`), and only with \`discover: true\` globs.`;

const changes = `## What takes effect when

A changed file takes effect while the server runs, without a failed request, except for \`server.listen\`, \`server.operations\`, turning \`server.tls\` on or off, \`store\` and \`log.format\`: these do with the next start, and the server says so. A file with a problem changes nothing. How to look before, and to see what became of it: [operations.md](operations.md#the-file-is-changed).`;

const mistakes = `## What a bad configuration gets

Every problem at once, each on a line with file, line, column, the path of the option, what was found and what is allowed, and exit status 2:

\`\`\`text
config.yaml:7:5 upstreams[1].urll: unknown option "urll"; did you mean "url"?
config.yaml:9:15 upstreams[1].interval: found "5 min"; expected a duration from 10s to 24h, or 0: a whole number with ms, s, m or h, such as 30s
\`\`\`

Secrets are shown as \`[secret]\`, and a value that came from a placeholder as the placeholder.`;
