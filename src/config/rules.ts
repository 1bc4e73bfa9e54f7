import { checkPartners } from './partners.ts';
import { checkNames, checkRepositories, checkVersions } from './repository-rules.ts';
import { warnIdle } from './repository-warnings.ts';
import { defaultListen } from './schema.ts';
import type { OptionTree } from './tree.ts';
import { checkAccess, checkProxyVariables, checkUpstream, warnExposed } from './upstream-rules.ts';
import { checkVerify } from './verify.ts';

/**
 * What options say together: rules that no option can check alone. They hold, too, where other options are wrong.
 * `noProxies` are variables of the environment that should be proxies and are not.
 */
export function reportRules(tree: OptionTree, noProxies: readonly string[]): void {
  checkServer(tree);
  checkStore(tree);
  checkRepositories(tree);
  warnIdle(tree);
  checkAccess(tree, ['defaults']);
  checkVerify(tree, ['defaults']);
  checkVersions(tree, ['defaults', 'versions']);
  const upstreams = tree.at('upstreams');
  if (!Array.isArray(upstreams)) return;
  checkNames(tree, 'upstreams');
  for (const index of upstreams.keys()) {
    checkAccess(tree, ['upstreams', index]);
    checkVerify(tree, ['upstreams', index]);
    checkUpstream(tree, index);
    checkVersions(tree, ['upstreams', index, 'versions']);
  }
  checkShrink(tree, upstreams.length);
  checkProxyVariables(tree, upstreams.length, noProxies);
}

function checkServer(tree: OptionTree): void {
  const operations = tree.at('server', 'operations');
  const listen = tree.at('server', 'listen') ?? defaultListen;
  if (operations === listen && !String(operations).endsWith(':0')) {
    tree.report(['server', 'operations'], 'found the address of server.listen; expected same, or another address');
  }
}

function checkStore(tree: OptionTree): void {
  const store = tree.at('store');
  if (typeof store !== 'object' || store === null) return;
  const kinds = Object.keys(store);
  if (kinds.length > 1) tree.report(['store'], 'found both filesystem and s3; expected one of them');
  if (kinds.length === 0) tree.report(['store'], 'found neither filesystem nor s3; expected one of them');
  const s3 = ['store', 's3'];
  checkPartners(tree, s3, { accessKeyId: ['secretAccessKey'], secretAccessKey: ['accessKeyId'] });
  if (tree.at(...s3, 'accessKeyId') !== undefined) {
    warnExposed(tree, [...s3, 'endpoint'], tree.at(...s3, 'endpoint'));
  }
}

/** What is kept cannot shrink, so a guard against that is probably meant for something else. */
function checkShrink(tree: OptionTree, count: number): void {
  const upstreams = Array.from({ length: count }, (_, index) => ['upstreams', index]);
  const keeping = upstreams.filter(
    (path) => (tree.at(...path, 'withdrawn') ?? tree.at('defaults', 'withdrawn')) !== 'drop',
  );
  const idle = keeping.length === count ? [['defaults'], ...keeping] : keeping;
  for (const path of idle) {
    if (tree.at(...path, 'maxShrink') === undefined) continue;
    tree.warn(
      [...path, 'maxShrink'],
      'it does nothing where withdrawn versions are kept; write withdrawn: drop, or leave it out',
    );
  }
}
