import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { end, freePort, untilReady } from './process.ts';
import { tool } from './tools.ts';

/** A real nginx on loopback. */
export interface Nginx {
  readonly url: string;
  stop(): Promise<void>;
}

/** Serves a folder the way a well-kept static upstream does: sendfile, kept-alive connections, no log. */
export async function startNginx(folder: string, workers = 2): Promise<Nginx> {
  const home = await mkdtemp(join(tmpdir(), 'chartroom-nginx-'));
  const port = await freePort();
  const config = join(home, 'nginx.conf');
  await writeFile(config, configuration(home, folder, port, workers));
  const child = spawn(tool('nginx'), ['-c', config, '-p', home, '-e', join(home, 'error.log')], { stdio: 'ignore' });
  const url = `http://127.0.0.1:${port}`;
  await untilReady(child, async () => (await fetch(url)).status > 0);
  return {
    url,
    stop: async () => {
      await end(child);
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** Master and workers run as whoever started them: nginx changes its user only for root. */
function configuration(home: string, folder: string, port: number, workers: number): string {
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
    listen 127.0.0.1:${port};
    root ${folder};
  }
}
`;
}
