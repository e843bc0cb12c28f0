import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { startApp, type App } from '../app.ts'
import type { Entry } from '../account/ledger/entry.ts'
import { loadConfig } from '../config/index.ts'

/** A whole inhouse in this process, with a store of its own, in a home that goes when the test is over. */
export interface TestApp extends AsyncDisposable {
  readonly app: App
  readonly home: string
  readonly key: string
  /** Every line of the log so far, as JSON. */
  readonly log: readonly string[]
  /** Asks with the key; `init.body` objects are sent as JSON. */
  post(path: string, body: unknown, init?: RequestInit): Promise<Response>
  /** The ledger's rows, oldest first, when `count` of them are settled. */
  entries(count: number): Promise<readonly Entry[]>
}

/** A port that nobody listens on just now, for what cannot be told to take any. */
export function freePort(): number {
  using server = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => {} } })
  return server.port
}

/** `env` is what the program finds around it; empty if left out. */
export async function startTestApp(
  yaml: string,
  env: Readonly<Record<string, string>> = {},
): Promise<TestApp> {
  const home = await mkdtemp(join(tmpdir(), 'inhouse-test-'))
  const file = join(home, 'inhouse.yaml')
  await Bun.write(
    file,
    yaml.includes('\nlisten:') || yaml.startsWith('listen:') ? yaml : `listen: 127.0.0.1:0\n${yaml}`,
  )
  const read = () => loadConfig({ file, env: {}, flags: {}, home, cwd: home })
  const log: string[] = []
  const write = (facts: object, message: string): void => void log.push(JSON.stringify({ ...facts, message }))
  const app = await startApp({
    loaded: read(),
    reread: read,
    log: { info: write, warn: write, error: write },
    onProgress: () => {},
    env,
  })
  const key = (await readFile(join(home, 'key'), 'utf8')).trim()
  return {
    app,
    home,
    key,
    log,
    post: (path, body, init = {}) =>
      fetch(app.url + path, {
        method: 'POST',
        ...init,
        headers: {
          authorization: `Bearer ${key}`,
          'content-type': 'application/json',
          ...(init.headers as Record<string, string> | undefined),
        },
        body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
      }),
    entries: async (count) => {
      for (;;) {
        const entries = await app.ledger.recent({ limit: 1000 })
        if (entries.length >= count) return entries.toReversed()
        await Bun.sleep(2)
      }
    },
    [Symbol.asyncDispose]: async () => {
      await app.stop()
      await rm(home, { recursive: true, force: true })
    },
  }
}
