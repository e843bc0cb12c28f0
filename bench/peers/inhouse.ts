import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'

import { chatBody } from '../ask.ts'
import { Child, freePort, output, runFolder } from '../child.ts'
import type { Upstream } from '../upstreams/upstream.ts'
import type { Gateway, Peer } from './peer.ts'

export const inhouse = (program: string): Peer => ({
  name: 'inhouse',
  async start(upstreams) {
    const installed = install(program, 'inhouse', upstreams)
    const child = installed.serve()
    await child.untilAnswers(installed.health, 30)
    return gatewayOf(installed, child)
  },
})

/** A home and a config, with nothing running yet. */
export interface Installed {
  readonly program: string
  readonly health: string
  readonly url: string
  serve(): Child
  /** Written by the first start. */
  key(): string
}

/** What is measured is what an npm user runs: the launcher and all below it. */
export function install(program: string, name: string, upstreams: readonly Upstream[]): Installed {
  const folder = `${runFolder}${name}/`
  const address = `127.0.0.1:${freePort()}`
  mkdirSync(`${folder}home`, { recursive: true })
  writeFileSync(`${folder}config.yaml`, JSON.stringify(configOf(upstreams)))
  const where = ['--listen', address, '--config', `${folder}config.yaml`, '--home', `${folder}home`]
  return {
    program,
    health: `http://${address}/health`,
    url: `http://${address}/v1/chat/completions`,
    serve: () => new Child({ name, command: ['node', program, 'serve', ...where] }),
    key: () => readFileSync(`${folder}home/key`, 'utf8').trim(),
  }
}

export async function gatewayOf({ program, health, url, key }: Installed, child: Child): Promise<Gateway> {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${key()}` }
  return {
    name: 'inhouse',
    version: (await output(['node', program, '--version'])).trim(),
    settings: 'key check, limits, decision, durable hold and ledger on; upstream asked as the client asked',
    child,
    health,
    ask: ({ name, stream }) => ({ url, headers, body: chatBody(name, stream) }),
  }
}

const configOf = (upstreams: readonly Upstream[]) => ({
  backends: Object.fromEntries(
    upstreams.map(({ name, dialect, url }) => [
      name,
      dialect === 'openai'
        ? { kind: 'openai-compatible', url: `${url}/v1`, ask: 'same', concurrency: 1000 }
        : { kind: 'anthropic', url, apiKey: 'bench', place: 'local', ask: 'same', concurrency: 1000 },
    ]),
  ),
  models: Object.fromEntries(upstreams.map(({ name }) => [name, { backend: name, model: name }])),
})
