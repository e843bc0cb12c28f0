import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'

import { placed, watchConfig, type Loaded } from './config/index.ts'
import type { Settings } from './config/schema.ts'
import type { Clock } from './core/clock.ts'
import { Failure, asFailure } from './core/failure.ts'
import { openLedger } from './account/ledger/ledger.ts'
import type { LedgerReader } from './account/ledger/reader.ts'
import { ledgerTables } from './account/ledger/schema.ts'
import { keyRemarks } from './app/key-remarks.ts'
import { asksOfEngine, engineMistakes } from './app/engine-mistakes.ts'
import { LocalModels, engineSettings } from './app/local-models.ts'
import { listings, loadedModels } from './app/listings.ts'
import { logAttempt, logFailure, type Log } from './app/log.ts'
import { modelKeeper } from './app/model-keeper.ts'
import { readinessOf } from './app/readiness.ts'
import { factSources, remoteFacts } from './app/remote-facts.ts'
import { makeSetup, storePath, type Lasting } from './app/setup.ts'
import { listen, type Listening } from './http/listen.ts'
import { loading } from './http/loading.ts'
import { modelPages } from './http/pages/models.ts'
import { ollamaPages } from './http/pages/ollama.ts'
import { serveResponses } from './http/responses/serving.ts'
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
import { ResponseStore } from './serve/conversations/response-store.ts'
import { FactsCache } from './serve/discover/facts-cache.ts'
import { createEngines, type Engines } from './serve/engines/engines.ts'
import { Gateway, type GatewayParts } from './serve/gateway/gateway.ts'
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
  /** Asks the backends elsewhere what their models are, where that is not known or old; never rejects. */
  learn(): Promise<void>
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
  /** Running calls are not waited for any longer: `stop` cuts and settles them. */
  cut(): void
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
  const responses = started.adopt(
    await ResponseStore.open({ home, clock, settings: () => config.responses }),
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

  const remote = new FactsCache(clock)
  const knownElsewhere = (row: string) => remoteFacts(config, remote, row)
  const lasting: Lasting = {
    clock,
    log,
    door,
    engines,
    keys,
    counters: localCounters(() => clock.tick()),
    facts: (row) => local.known(row)?.facts ?? knownElsewhere(row),
  }
  const gatewayParts: GatewayParts = {
    ledger,
    clock,
    newId,
    failed: (...said) => logFailure(log, ...said),
    triesAgain: (...said) => logAttempt(log, ...said),
  }
  const gateway = new Gateway(gatewayParts, makeSetup(config, lasting))
  const learn = (): Promise<void> => remote.freshen()
  remote.use(factSources(config, gateway.setup.upstreams))
  const probing = (): (() => void) => probeResting(() => gateway.setup.upstreams, config.health.probeMs)
  let stopProbing = probing()
  started.defer(() => stopProbing())

  const readiness = (): Readiness =>
    readinessOf({ config, gateway, engines, local, store: ledger.trouble?.code })
  const startedAt = Math.floor(clock.now() / 1000)
  const listed = (): readonly ModelListing[] => {
    void learn()
    return listings(config, local, startedAt, knownElsewhere)
  }
  const responding = serveResponses({
    responses,
    gateway,
    now: () => clock.now(),
    maxBytes: () => config.server.maxAnswerBytes,
    maxTurnBytes: () => config.server.maxBodyBytes,
    failed: (failure, id) => gatewayParts.failed(failure, id),
  })
  const loads = loading(gateway, () => clock.now())
  const serverParts: ServerParts = {
    gateway,
    surfaces,
    version,
    newId,
    failed: (...said) => gatewayParts.failed(...said),
    corsOrigins: () => config.server.cors.origins,
    limits: () => config.server,
    readiness,
    prove: (hashPrefix, nonce) => keys.prove(hashPrefix, nonce),
    pages: [
      ...modelPages(listed),
      ...ollamaPages({
        listings: listed,
        loaded: () => loadedModels(listed(), engines.status().rows, config.engines.idleUnloadMs, clock.now()),
        keeper: modelKeeper(models, () => config),
        version,
      }),
      ...responding.pages,
    ],
    around: {
      ...Object.fromEntries(
        ['ollama-chat', 'ollama-generate', 'ollama-embed', 'ollama-embeddings'].map((id) => [id, loads]),
      ),
      ...responding.around,
    },
  }
  const serve = (address: string, it: ServerParts): Listening =>
    listen(address, createHandler(it), crashed(it), responding.sockets(it))
  const listening = started.adopt(serve(config.listen, serverParts), (it) => it.stop())
  if (config.compat !== undefined) {
    const keyless = { ...serverParts, keyName: config.compat.key }
    started.adopt(serve(config.compat.listen, keyless), (it) => it.stop())
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
    noteRemarks(next, keys, log)
    ;({ config, file } = next)
    gateway.use(setup)
    remote.use(factSources(config, setup.upstreams))
    stopProbing()
    stopProbing = probing()
    void follow()
    log.info({ file: next.file }, 'the new config is in force')
  }
  const refused = (thrown: unknown): void =>
    log.error({ reason: asFailure(thrown).message }, 'the new config is refused; the old one stays')
  const useIfEngineCan = async (next: Loaded): Promise<void> => {
    const mistakes = await engineMistakes(next.config, home, env)
    const texts = mistakes.map(({ path, text }) => `${path.join('.')} ${text}`)
    if (texts.length > 0) throw new Failure('config_invalid', `The config is wrong: ${texts.join('; ')}.`)
    use(next)
  }
  const reload = (): void => {
    try {
      const next = parts.reread()
      if (asksOfEngine(next.config)) void useIfEngineCan(next).catch(refused)
      else use(next)
    } catch (thrown) {
      refused(thrown)
    }
  }
  started.defer(watchConfig(loaded, reload))

  noteRemarks(loaded, keys, log)
  const running = started.move()
  return {
    url: listening.url,
    hostname: listening.hostname,
    port: listening.port,
    keyFile,
    engines,
    ledger,
    learn,
    config: () => config,
    settled: follow(),
    trouble: (row) => local.trouble(row),
    readiness,
    reload,
    stop: async () => {
      await gateway.drain(config.server.drainMs)
      await responding.settled()
      await running.disposeAsync()
    },
    cut: () => gateway.cut(),
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

/** What the config says that is hardly meant so. */
function noteRemarks(loaded: Loaded, keys: KeyStore, log: Log): void {
  const ofKeys = keyRemarks(loaded.config, keys.list()).map((finding) => placed(finding, loaded))
  for (const { where, path, text } of [...loaded.remarks, ...ofKeys])
    log.warn({ where }, path === '' ? `${where} ${text}` : `${path} ${text}`)
}

/** What a running server cannot change: it goes on as it was started. */
const restartKeys = ['listen', 'compat', 'ledger'] as const

function noteRestartKeys(started: Settings, next: Settings, log: Log): void {
  const changed = restartKeys.filter((key) => !Bun.deepEquals(started[key], next[key]))
  if (changed.length > 0) log.warn({ changed }, 'these settings take effect at the next start')
}
