import { chatBody } from '../ask.ts'
import { Child, freePort, output, toolsFolder } from '../child.ts'
import type { Peer } from './peer.ts'

const version = '1.15.2'
const folder = `${toolsFolder}portkey`
const program = `${folder}/node_modules/@portkey-ai/gateway/build/start-server.js`

export const portkey: Peer = {
  name: 'Portkey',
  async start() {
    await install()
    const port = freePort()
    const child = new Child({
      name: 'portkey',
      command: ['node', program, `--port=${port}`, '--headless'],
      env: { NODE_ENV: 'production' },
    })
    await child.untilAnswers(`http://127.0.0.1:${port}/`)
    return {
      name: 'Portkey',
      version,
      settings: 'as it comes; passes the key on; no key check, no ledger, no retries',
      child,
      ask: ({ name, dialect, stream, url }) => ({
        url: `http://127.0.0.1:${port}/v1/chat/completions`,
        headers: {
          'content-type': 'application/json',
          authorization: 'Bearer sk-bench',
          'x-portkey-provider': dialect,
          'x-portkey-custom-host': `${url}/v1`,
        },
        body: chatBody(name, stream),
      }),
    }
  },
}

async function install(): Promise<void> {
  if (await Bun.file(program).exists()) return
  const flags = ['--no-save', '--ignore-scripts', '--no-audit', '--no-fund']
  await output(['npm', 'install', '--prefix', folder, ...flags, `@portkey-ai/gateway@${version}`])
}
