import { readFile } from 'node:fs/promises';

import { Fault } from '../chart/fault.ts';
import type { Config, ServerConfig } from '../config/config.ts';
import type { ServerTls } from '../server/listen.ts';
import { startServer, type RunningServer, type ServerStartOptions } from '../server/start.ts';

/** What the front doors answer from, whatever the configuration says. */
export type FrontDoorParts = Omit<
  ServerStartOptions,
  'listen' | 'operations' | 'tls' | 'adminToken' | 'publicUrl' | 'maxConnections' | 'lingerMs'
>;

/** The front doors as they are configured now. */
export class FrontDoors {
  readonly #parts: FrontDoorParts;
  #config: ServerConfig;
  #running: RunningServer | undefined;

  constructor({ server }: Config, parts: FrontDoorParts) {
    this.#config = server;
    this.#parts = parts;
  }

  /** Rejects with 'unavailable' when a port or a certificate cannot be had. */
  async open(): Promise<RunningServer> {
    const { listen, operations } = this.#config;
    this.#running = await startServer({
      ...this.#parts,
      listen,
      operations,
      tls: await readTls(this.#config),
      adminToken: () => this.#config.adminToken,
      publicUrl: () => this.#config.publicUrl,
    });
    return this.#running;
  }

  /** Works by another configuration from now on, but stays where it is. */
  use({ server }: Config): void {
    this.#config = server;
  }

  /** Shows what stands in the files now. A certificate that does not work is logged, and takes the place of no other. */
  async renewCertificate(): Promise<void> {
    try {
      const tls = await readTls(this.#config);
      if (tls) this.#running?.present(tls);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#parts.log.error({ advice: error.advice }, `the certificate stays as it was: ${error.message}`);
    }
  }
}

async function readTls({ tls }: ServerConfig): Promise<ServerTls | undefined> {
  return tls && { cert: await readPem(tls.certFile), key: await readPem(tls.keyFile) };
}

async function readPem(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new Fault('unavailable', `${file} cannot be read.`, 'Check server.tls and the permissions of the file.', {
      cause: error,
    });
  }
}
