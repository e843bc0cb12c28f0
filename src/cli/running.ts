import { readFile } from 'node:fs/promises'

import type { App, Log } from '../app.ts'
import type { Context } from './context.ts'
import { makeHome } from './home-store.ts'
import { answers, readKey, urlOf, type Endpoint } from './client.ts'

const silent: Log = { info: () => {}, warn: () => {}, error: () => {} }

/** The server of this config if it runs; else one of our own, on a free port, for as long as `work` takes. */
export const withServer = async <T>(
  context: Context,
  work: (endpoint: Endpoint) => Promise<T>,
): Promise<T> => {
  const loaded = await context.load()
  const url = urlOf(loaded.config.listen)
  if (await answers(url)) return work({ url, key: await readKey(context.home) })
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
    bars.onProgress({ label: `Nobody serves at ${url}; starting for this chat`, done: 0 })
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

/** Throws the first trouble when no model at all can be served. */
export const mustServe = (app: App): void => {
  const rows = Object.keys(app.readiness().models)
  const troubles = rows.map((row) => app.trouble(row)).filter((trouble) => trouble !== undefined)
  if (troubles[0] !== undefined && troubles.length === rows.length) throw troubles[0]
}
