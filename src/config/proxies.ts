import { Secret } from '../lib/secret.ts';
import { isProxyAddress } from './access-schema.ts';
import type { ProxyConfig } from './config.ts';
import type { Environment } from './secret.ts';

/** The way out as the environment has it. */
export interface EnvironmentProxies {
  readonly proxy: ProxyConfig;
  /** The variables whose value is no address of a proxy. */
  readonly invalid: readonly string[];
}

interface Variable {
  readonly name: string;
  readonly value: string;
}

/**
 * HTTP_PROXY, HTTPS_PROXY and NO_PROXY, the names in lower case first, an empty value being none, as curl and Go have it.
 * A proxy may be written without its scheme there. This machine itself is never asked through one.
 */
export function environmentProxies(environment: Environment): EnvironmentProxies {
  const http = readProxy(environment, 'HTTP_PROXY');
  const https = readProxy(environment, 'HTTPS_PROXY');
  const noProxy = [readVariable(environment, 'NO_PROXY')?.value, thisMachine].filter(Boolean).join(',');
  return {
    proxy: { http: http && Secret.of(http.value), https: https && Secret.of(https.value), noProxy },
    invalid: [http, https].flatMap((variable) => (variable && !isProxyAddress(variable.value) ? [variable.name] : [])),
  };
}

/** As Go has it: a proxy somewhere else would ask itself. */
const thisMachine = 'localhost,127.0.0.0/8,::1';

function readProxy(environment: Environment, upper: string): Variable | undefined {
  const variable = readVariable(environment, upper);
  if (!variable || variable.value.includes('://')) return variable;
  return { ...variable, value: `http://${variable.value}` };
}

function readVariable(environment: Environment, upper: string): Variable | undefined {
  const found = [upper.toLowerCase(), upper].map((name) => ({ name, value: environment[name]?.trim() ?? '' }));
  return found.find(({ value }) => value !== '');
}
