/** What is asked, and a path into the answer as jq has it. */
const curlForm = /^curl (.*?)'?https:\/\/charts\.corp(\/[^\s']*)'?(?: \| jq '?(\.[^']*)'?)?$/;

/** Does what a page asks of https://charts.corp with curl, at another address. `Authorization` carries this token. */
export async function curl(url: string, command: string, adminToken: string): Promise<string> {
  const [, options = '', path = '', filter] = curlForm.exec(command) ?? [];
  const isChange = options.includes('-X POST');
  const answer = await fetch(url + path, {
    method: isChange ? 'POST' : 'GET',
    ...(options.includes('Authorization: Bearer') && { headers: { authorization: `Bearer ${adminToken}` } }),
  });
  const text = await answer.text();
  if (filter === undefined) return text.endsWith('\n') ? text : `${text}\n`;
  return `${JSON.stringify(at(JSON.parse(text), filter), undefined, 2)}\n`;
}

/** What stands at a path such as `.upstreams[1].state`. */
function at(value: unknown, path: string): unknown {
  const keys = path.match(/[^.[\]]+/g) ?? [];
  return keys.reduce((found: unknown, key) => (found as Readonly<Record<string, unknown>>)[key], value);
}
