import { chatBody } from '../ask.ts'
import { freePort, output } from '../child.ts'
import { startNginx, wholeMock } from '../upstreams/nginx.ts'
import type { Upstream } from '../upstreams/upstream.ts'
import type { Peer } from './peer.ts'

/** nginx passing bytes on: the floor. Whole answers come from a mock in the same worker, whose CPU counts too. */
export const nginx: Peer = {
  name: 'nginx',
  async start(upstreams) {
    const [port, ownMockPort] = [freePort(), freePort()]
    const served = upstreams.filter(({ dialect }) => dialect === 'openai')
    const http = `${wholeMock(ownMockPort)}
${served.map((upstream) => upstreamBlock(upstream, ownMockPort)).join('\n')}
  server {
    listen 127.0.0.1:${port};
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_read_timeout 300s;
    location = /health { return 200; }
${served.map(locationBlock).join('\n')}
  }`
    const child = await startNginx('nginx', port, http)
    const version = /nginx\/([\d.]+)/.exec(await output(['nginx', '-v']))?.[1] ?? 'unknown'
    return {
      name: 'nginx',
      version,
      settings: 'passes bytes on; no key check, no ledger; for whole answers the mock is in the same worker',
      child,
      ask: ({ name, dialect, stream }) =>
        dialect === 'openai'
          ? {
              url: `http://127.0.0.1:${port}/${name}/v1/chat/completions`,
              headers: { 'content-type': 'application/json' },
              body: chatBody(name, stream),
            }
          : undefined,
    }
  },
}

const upstreamBlock = ({ name, stream, url }: Upstream, ownMockPort: number): string =>
  `  upstream ${name} { server 127.0.0.1:${stream ? new URL(url).port : ownMockPort}; keepalive 1024; }`

const locationBlock = ({ name, stream, url }: Upstream): string => {
  const path = new URL(url).pathname.replace(/\/$/, '')
  return `    location /${name}/ { proxy_pass http://${name}${path}/; proxy_buffering ${stream ? 'off' : 'on'}; }`
}
