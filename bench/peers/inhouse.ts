import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'

import { chatBody } from '../ask.ts'
import type { Ask } from '../ask.ts'
import { Child, freePort, output, runFolder } from '../child.ts'
import type { Upstream } from '../upstreams/upstream.ts'
import type { Peer } from './peer.ts'

/** `more` goes into every row of `backends`. */
export const inhouse = (
  program: string,
  name = 'inhouse',
  more: Readonly<Record<string, string>> = {},
): Peer => ({
  name: 'inhouse',
  async start(upstreams) {
    const { serve, health, ask } = install(program, name, upstreams, more)
    const child = serve()
    await child.untilAnswers(health, 30)
    return {
      name: 'inhouse',
      version: (await output(['node', program, '--version'])).trim(),
      settings: 'key check, limits, decision, durable hold and ledger on; upstream asked as the client asked',
      child,
      health,
      ask,
    }
  },
})

/** A home and a config, with nothing running yet. */
export interface Installed {
  readonly health: string
  readonly serve: () => Child
  /** Throws until the first start has written the key. */
  readonly ask: (upstream: Upstream) => Ask
}

/** What is measured is what an npm user runs: the launcher and all below it. */
export function install(
  program: string,
  name: string,
  upstreams: readonly Upstream[],
  more: Readonly<Record<string, string>> = {},
): Installed {
  const { health, serve, post } = installWith(program, name, configOf(upstreams, more))
  return {
    health,
    serve,
    ask: (upstream) => post('/v1/chat/completions', chatBody(upstream.name, upstream.stream)),
  }
}

/** As `install`, with any config and for any path. */
export function installWith(program: string, name: string, config: object) {
  const folder = `${runFolder}${name}/`
  const address = `127.0.0.1:${freePort()}`
  mkdirSync(`${folder}home`, { recursive: true })
  writeFileSync(`${folder}config.yaml`, JSON.stringify(config))
  const where = ['--listen', address, '--config', `${folder}config.yaml`, '--home', `${folder}home`]
  return {
    health: `http://${address}/health`,
    serve: () => new Child({ name, command: ['node', program, 'serve', ...where] }),
    post: (path: string, body: string): Ask => {
      const key = readFileSync(`${folder}home/key`, 'utf8').trim()
      return {
        url: `http://${address}${path}`,
        headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
        body,
      }
    },
  }
}

const shared = { ask: 'same', concurrency: 1000 } as const

const configOf = (upstreams: readonly Upstream[], more: Readonly<Record<string, string>>) => ({
  backends: Object.fromEntries(
    upstreams.map(({ name, dialect, url }) => [
      name,
      dialect === 'openai'
        ? { kind: 'openai-compatible', url: `${url}/v1`, ...shared, ...more }
        : { kind: 'anthropic', url, apiKey: 'bench', place: 'local', ...shared, ...more },
    ]),
  ),
  models: Object.fromEntries(upstreams.map(({ name }) => [name, { backend: name, model: name }])),
})
