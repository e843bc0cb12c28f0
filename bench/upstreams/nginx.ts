import { mkdirSync, writeFileSync } from 'node:fs'

import { Child, runFolder } from '../child.ts'
import { wholeText } from './upstream.ts'

/** Starts one nginx process: no master, no logs of requests. `http` is what goes into its http block. */
export async function startNginx(name: string, port: number, http: string): Promise<Child> {
  const folder = `${runFolder}${name}/`
  mkdirSync(folder)
  writeFileSync(
    `${folder}nginx.conf`,
    `daemon off;
master_process off;
worker_rlimit_nofile 16384;
pid ${folder}pid;
error_log stderr error;
events { worker_connections 8192; }
http {
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path ${folder}body;
  proxy_temp_path ${folder}proxy;
  fastcgi_temp_path ${folder}fastcgi;
  uwsgi_temp_path ${folder}uwsgi;
  scgi_temp_path ${folder}scgi;
${http}
}
`,
  )
  const child = new Child({ name, command: ['nginx', '-p', folder, '-c', `${folder}nginx.conf`] })
  await child.untilAnswers(`http://127.0.0.1:${port}/health`, 10)
  return child
}

const answer = JSON.stringify({
  id: 'chatcmpl-0123456789abcdef',
  object: 'chat.completion',
  created: 1_790_000_000,
  model: 'mock',
  choices: [
    { index: 0, message: { role: 'assistant', content: wholeText }, logprobs: null, finish_reason: 'stop' },
  ],
  usage: { prompt_tokens: 190, completion_tokens: 18, total_tokens: 208 },
})

/** A server block that answers everything with the same completion. */
export const wholeMock = (port: number): string => `
  server {
    listen 127.0.0.1:${port};
    default_type application/json;
    location / { return 200 '${answer}'; }
  }`
