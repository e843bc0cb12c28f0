import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'

import { watchConfig, type Loaded } from './config/index.ts'
import type { Settings } from './config/schema.ts'
import type { Clock } from './core/clock.ts'
import { Failure, asFailure } from './core/failure.ts'
import { openLedger } from './account/ledger/ledger.ts'
import type { LedgerReader } from './account/ledger/reader.ts'
import { ledgerTables } from './account/ledger/schema.ts'
import { LocalModels, engineSettings } from './app/local-models.ts'
import { logFailure, type Log } from './app/log.ts'
import { readinessOf } from './app/readiness.ts'
import { makeSetup, storePath, type Lasting } from './app/setup.ts'
import { listen } from './http/listen.ts'
import { modelPages } from './http/pages/models.ts'
import { crashed, createHandler, type Readiness, type ServerParts } from './http/server.ts'
import type { OnProgress } from './install/progress.ts'
import { openModels } from './models/store.ts'
import { createTransport } from './net/index.ts'
import { proxyFromEnvironment } from './net/proxy.ts'
import { createDoor } from './protect/boundary/door.ts'
import { ensureFirstKey } from './protect/guard/first-key.ts'
import { keyTables } from './protect/guard/key-table.ts'
import { KeyStore } from './protect/guard/key-store.ts'
import { localCounters } from './protect/guard/limits.ts'
import { createEngines, type Engines } from './serve/engines/engines.ts'
import { Gateway } from './serve/gateway/gateway.ts'
import { probeResting } from './serve/gateway/probe.ts'
import { surfaces } from './serve/surfaces/index.ts'
import type { ModelListing } from './serve/surfaces/models.ts'
import { openStore } from './store/open.ts'
import { version } from './version.ts'

export type { Log } from './app/log.ts'

export interface AppParts {
  readonly loaded: Loaded
  /** Reads the config anew: for SIGHUP and when its file changes. */
  reread(): Loaded
  readonly log: Log
  readonly onProgress: OnProgress
  readonly env: Readonly<Record<string, string | undefined>>
}

export interface App {
  readonly url: string
  readonly hostname: string
  readonly port: number
  /** The file with the first key; undefined when its owner took it away. */
  readonly keyFile: string | undefined
  readonly engines: Engines
  readonly ledger: LedgerReader
  config(): Settings
  /** Resolves when the local models are here and the first of them answers, or cannot. */
  readonly settled: Promise<void>
  /** Why a row of `models` is not served, if it is not. */
  trouble(row: string): Failure | undefined
  readiness(): Readiness
  /** Puts the config as it is now in force, or keeps the old one and says why. */
  reload(): void
  /** Lets running calls end, then gives everything back. */
  stop(): Promise<void>
}

const clock: Clock = { now: () => Date.now(), tick: () => performance.now() }
const newId = (): string => `req_${Bun.randomUUIDv7().replaceAll('-', '')}`

/** Puts the parts together and opens the port. Throws `Failure` (store, port, config); nothing is left running then. */
export async function startApp(parts: AppParts): Promise<App> {
  const { loaded, log, onProgress, env } = parts
  const { home } = loaded
  await mkdir(home, { recursive: true, mode: 0o700 })
  let { config, file } = loaded
  await using started = new AsyncDisposableStack()

  const store = started.adopt(
    await openStore(storePath(home), { migrations: [ledgerTables, keyTables], sync: config.ledger.sync }),
    (it) => it.close(),
  )
  const keys = started.adopt(await KeyStore.open(store, clock), (it) => it.close())
  const keyFile = await ensureFirstKey(home, keys)
  const ledger = started.adopt(
    await openLedger({ store, clock, instance: newId(), retentionDays: config.ledger.retentionDays }),
    (it) => it.close(),
  )

  const transport = started.adopt(createTransport({ proxyFor: proxyFromEnvironment(env) }), (it) =>
    it.close(),
  )
  const door = createDoor(transport, () => ({ offline: config.offline }))
  const engines = started.adopt(
    createEngines({ home, settings: engineSettings(config), rows: [], clock, log }),
    (it) => it.stop(),
  )
  const models = openModels({ home, env })
  const local = started.adopt(new LocalModels({ home, models, engines, env, onProgress }), (it) => it.stop())

  const lasting: Lasting = { clock, door, engines, keys, counters: localCounters(() => clock.tick()) }
  const failed = (failure: Failure, id: string): void => logFailure(log, failure, id)
  const gateway = new Gateway({ ledger, clock, newId, failed }, makeSetup(config, lasting))
  const probing = (): (() => void) => probeResting(() => gateway.setup.upstreams, config.health.probeMs)
  let stopProbing = probing()
  started.defer(() => stopProbing())

  const readiness = (): Readiness =>
    readinessOf({ config, gateway, engines, local, store: ledger.trouble?.code })
  const startedAt = Math.floor(clock.now() / 1000)
  const serverParts: ServerParts = {
    gateway,
    surfaces,
    version,
    newId,
    failed,
    corsOrigins: () => config.server.cors.origins,
    limits: () => config.server,
    readiness,
    pages: modelPages(() => listings(config, startedAt)),
  }
  const listening = started.adopt(
    listen(config.listen, createHandler(serverParts), crashed(serverParts)),
    (it) => it.stop(),
  )
  if (config.compat !== undefined) {
    const keyless = createHandler({ ...serverParts, keyName: config.compat.key })
    started.adopt(listen(config.compat.listen, keyless, crashed(serverParts)), (it) => it.stop())
  }

  const follow = async (): Promise<void> => {
    try {
      await local.follow(config)
    } catch {
      // Given up for a newer config, or because the program stops.
      log.info({}, 'loading models was given up')
    }
  }
  const use = (next: Loaded): void => {
    mustStand(file, next)
    const setup = makeSetup(next.config, lasting, gateway.setup)
    log.level = next.config.log.level
    noteRestartKeys(loaded.config, next.config, log)
    ;({ config, file } = next)
    gateway.use(setup)
    stopProbing()
    stopProbing = probing()
    void follow()
    log.info({ file: next.file }, 'the new config is in force')
  }
  const reload = (): void => {
    try {
      use(parts.reread())
    } catch (thrown) {
      log.error({ reason: asFailure(thrown).message }, 'the new config is refused; the old one stays')
    }
  }
  started.defer(watchConfig(loaded, reload))

  const running = started.move()
  return {
    url: listening.url,
    hostname: listening.hostname,
    port: listening.port,
    keyFile,
    engines,
    ledger,
    config: () => config,
    settled: follow(),
    trouble: (row) => local.trouble(row),
    readiness,
    reload,
    stop: async () => {
      await gateway.drain(config.server.drainMs)
      await running.disposeAsync()
    },
  }
}

/** A config that vanished or was emptied is a write gone wrong, not a wish for the built-in model. */
function mustStand(file: string | undefined, next: Loaded): void {
  if (file === undefined) return
  if (next.file !== file && !existsSync(file)) {
    throw new Failure('config_missing', `The config file ${file} is gone.`)
  }
  if (next.text.trim() === '') throw new Failure('config_invalid', `The config file ${next.file} is empty.`)
}

/** What a running server cannot change: it goes on as it was started. */
const restartKeys = ['listen', 'compat', 'ledger'] as const

function noteRestartKeys(started: Settings, next: Settings, log: Log): void {
  const changed = restartKeys.filter((key) => !Bun.deepEquals(started[key], next[key]))
  if (changed.length > 0) log.warn({ changed }, 'these settings take effect at the next start')
}

/** The models that can be asked for by name. */
function listings(config: Settings, created: number): ModelListing[] {
  const listed: ModelListing[] = []
  for (const [name, row] of Object.entries(config.models)) {
    if (name.includes('*')) continue
    const { context, limits, backend } = row
    listed.push({
      name,
      created,
      ownedBy: backend ?? 'inhouse',
      ...(context !== undefined && context > 0 && { context }),
      ...(limits?.maxOutputTokens !== undefined && { maxOutput: limits.maxOutputTokens }),
    })
  }
  return listed
}
