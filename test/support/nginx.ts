import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { end, freePort, untilReady } from './process.ts';
import { tool } from './tools.ts';

/** A real nginx on loopback. */
export interface Nginx {
  readonly url: string;
  stop(): Promise<void>;
}

/** How its server differs from the usual one. */
export interface NginxServer {
  /** Lines of its `server` block. */
  readonly directives?: string;
  /** Speaks TLS; the directives name the certificate. */
  readonly tls?: boolean;
}

/** Serves a folder the way a well-kept static upstream does: sendfile, kept-alive connections, no log. */
export async function startNginx(folder: string, workers = 2, server: NginxServer = {}): Promise<Nginx> {
  const home = await mkdtemp(join(tmpdir(), 'chartroom-nginx-'));
  const port = await freePort();
  const config = join(home, 'nginx.conf');
  await writeFile(config, configuration(home, folder, port, workers, server));
  const child = spawn(tool('nginx'), ['-c', config, '-p', home, '-e', join(home, 'error.log')], { stdio: 'ignore' });
  const url = `${server.tls ? 'https' : 'http'}://127.0.0.1:${port}`;
  await untilReady(child, () => accepts(port));
  return {
    url,
    stop: async () => {
      await end(child);
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** Whether somebody takes connections at a port of loopback. */
async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } finally {
    socket.destroy();
  }
}

/** Master and workers run as whoever started them: nginx changes its user only for root. */
function configuration(home: string, folder: string, port: number, workers: number, server: NginxServer): string {
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  return `
${user}
daemon off;
worker_processes ${workers};
pid ${home}/nginx.pid;
error_log ${home}/error.log;
events { worker_connections 1024; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 10000000;
  types { text/yaml yaml; application/gzip tgz; }
  client_body_temp_path ${home}/body;
  proxy_temp_path ${home}/proxy;
  fastcgi_temp_path ${home}/fastcgi;
  uwsgi_temp_path ${home}/uwsgi;
  scgi_temp_path ${home}/scgi;
  server {
    listen 127.0.0.1:${port}${server.tls ? ' ssl' : ''};
    root ${folder};
    ${server.directives ?? ''}
  }
}
`;
}
