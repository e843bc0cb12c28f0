import { readFile } from 'node:fs/promises'

import type { App, Log } from '../app.ts'
import { Failure } from '../core/failure.ts'
import type { Context } from './context.ts'
import { makeHome } from './home-store.ts'
import { readKey, type Endpoint } from './client.ts'
import { liveServer } from './live-server.ts'

const silent: Log = { info: () => {}, warn: () => {}, error: () => {} }

/** The server that runs with this home or config; else one of our own, on a free port, for as long as `work` takes. */
export const withServer = async <T>(
  context: Context,
  work: (endpoint: Endpoint) => Promise<T>,
  purpose = 'this chat',
): Promise<T> => {
  const { listen } = (await context.load({ secrets: 'unread' })).config
  const url = await liveServer(context.home, listen)
  if (url !== undefined) return work({ url, key: await readKey(context.home) })
  await mustBeKnown(context.home, listen)
  const loaded = await context.load()
  const { startApp } = await import('../app.ts')
  const bars = context.bars()
  // Not the second listener: it may be in use, and nobody knows of this server.
  const { compat: _, ...config } = loaded.config
  const own = { ...loaded, config: { ...config, listen: '127.0.0.1:0' }, file: undefined }
  await makeHome(context.home)
  const app = await startApp({
    loaded: own,
    reread: () => own,
    log: silent,
    onProgress: bars.onProgress,
    env: process.env,
  })
  try {
    const what = loaded.file === undefined ? 'the built-in model' : 'the models of the config'
    bars.onProgress({ label: `No server runs; starting ${what} for ${purpose}`, done: 0 })
    await app.settled
    bars.clear()
    mustServe(app)
    const key =
      app.keyFile === undefined ? await readKey(context.home) : (await readFile(app.keyFile, 'utf8')).trim()
    return await work({ url: app.url, key })
  } finally {
    bars.end()
    await app.stop()
  }
}

/** Who names a key means a server that knows it: another one would refuse it too. */
const mustBeKnown = async (home: string, listen: string): Promise<void> => {
  if ((process.env['INHOUSE_KEY'] ?? '') === '') return
  const url = await liveServer(home, listen, { anyKey: true })
  if (url === undefined) return
  throw new Failure('key_unknown', {
    message: `The server at ${url} does not know the key in INHOUSE_KEY.`,
    help: 'Take the variable away to send the key of the home, or give one of the keys in force there.',
  })
}

/** Throws the first trouble when no model at all can be served. */
export const mustServe = (app: App): void => {
  const rows = Object.keys(app.readiness().models)
  const troubles = rows.map((row) => app.trouble(row)).filter((trouble) => trouble !== undefined)
  if (troubles[0] !== undefined && troubles.length === rows.length) throw troubles[0]
}
