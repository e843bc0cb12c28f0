import { mkdir } from 'node:fs/promises'

import { watchConfig, type Loaded } from './config/index.ts'
import type { Settings } from './config/schema.ts'
import type { Clock } from './core/clock.ts'
import { asFailure, failures, type Failure } from './core/failure.ts'
import { openLedger } from './account/ledger/ledger.ts'
import type { LedgerReader } from './account/ledger/reader.ts'
import { ledgerTables } from './account/ledger/schema.ts'
import { LocalModels, engineSettings, managedRows } from './app/local-models.ts'
import { makeSetup, storePath, type Lasting } from './app/setup.ts'
import { listen } from './http/listen.ts'
import { createHandler, type Readiness, type ServerParts } from './http/server.ts'
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

/** The calls of a pino logger that the program makes. */
export interface Log {
  info(facts: object, message: string): void
  warn(facts: object, message: string): void
  error(facts: object, message: string): void
}

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
  let { config } = loaded
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
  const gateway = new Gateway(
    { ledger, clock, newId, failed: (failure, id) => logFailure(log, failure, id) },
    makeSetup(config, lasting),
  )
  started.defer(probeResting(() => gateway.setup.stations, config.health.probeMs))

  const startedAt = Math.floor(clock.now() / 1000)
  const serverParts: ServerParts = {
    gateway,
    surfaces,
    version,
    newId,
    corsOrigins: config.server.cors.origins,
    limits: () => config.server,
    readiness: () => readiness(config, gateway, engines, local),
    listings: () => listings(config, startedAt),
  }
  const listening = started.adopt(listen(config.listen, createHandler(serverParts)), (it) => it.stop())
  if (config.compat !== undefined) {
    const keyless = createHandler({ ...serverParts, keyName: config.compat.key })
    started.adopt(listen(config.compat.listen, keyless), (it) => it.stop())
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
    const setup = makeSetup(next.config, lasting, gateway.setup)
    noteRestartKeys(config, next.config, log)
    config = next.config
    gateway.use(setup)
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
  if (loaded.file !== undefined) started.defer(watchConfig(loaded.file, reload))

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
    readiness: () => readiness(config, gateway, engines, local),
    reload,
    stop: async () => {
      await gateway.drain(config.server.drainMs)
      await running.disposeAsync()
    },
  }
}

/** What a running server cannot change. */
const restartKeys = ['listen', 'compat', 'ledger'] as const

function noteRestartKeys(before: Settings, after: Settings, log: Log): void {
  const changed: string[] = restartKeys.filter((key) => !Bun.deepEquals(before[key], after[key]))
  if (!Bun.deepEquals(before.server.cors, after.server.cors)) changed.push('server.cors')
  if (before.health.probeMs !== after.health.probeMs) changed.push('health.probeMs')
  if (before.log.level !== after.log.level) changed.push('log.level')
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

/** True when at least one model can answer: loaded or loadable here, or at a backend that is not resting. */
function readiness(config: Settings, gateway: Gateway, engines: Engines, local: LocalModels): Readiness {
  const states = new Map(engines.status().rows.map((row) => [row.row, row.state]))
  const managed = new Set(managedRows(config).map(([name]) => name))
  const stateOf = (name: string, backend: string, model: string | undefined): string => {
    if (!managed.has(name))
      return gateway.setup.stations.standing(backend, model ?? name) === 'up' ? 'ready' : 'resting'
    const trouble = local.trouble(name)
    if (trouble !== undefined) return `failed: ${trouble.message}`
    const state = states.get(name)
    if (state === undefined || (state === 'unloaded' && local.isComing(name))) return 'loading'
    return state === 'unloaded' ? 'ready (loads when asked)' : state
  }
  const models = Object.fromEntries(
    Object.entries(config.models).flatMap(([name, row]) =>
      row.backend === undefined ? [] : [[name, stateOf(name, row.backend, row.model)]],
    ),
  )
  const canAnswer = Object.values(models).some((state) => state.startsWith('ready'))
  return { ready: canAnswer && !gateway.isDraining, models }
}

/** The kind of an error and where it was thrown; its message could quote the request. */
const whereOf = (cause: unknown): string =>
  cause instanceof Error
    ? [cause.name, ...(cause.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line))].join('\n')
    : typeof cause

/** Codes and statuses only: messages carry what clients and upstreams wrote. */
function logFailure(log: Log, failure: Failure, requestId: string): void {
  const { status } = failure.facts.upstream ?? {}
  const facts = { requestId, code: failure.code, ...(status !== undefined && { upstreamStatus: status }) }
  if (failure.code === 'internal')
    log.error({ ...facts, at: whereOf(failure.cause) }, 'a request failed inside inhouse')
  else if (failures[failure.code].status >= 500) log.warn(facts, 'a request failed')
  else log.info(facts, 'a request was refused')
}
