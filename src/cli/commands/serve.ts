import { startApp, type App } from '../../app.ts'
import { managedRows } from '../../app/local-models.ts'
import { asFailure } from '../../core/failure.ts'
import type { Measured } from '../../serve/engines/engine.ts'
import { readMachine } from '../../serve/engines/machine.ts'
import type { Neighbour } from '../../serve/discover/neighbours.ts'
import { resolveHome } from '../../config/home.ts'
import { parseListen, type Loaded, type Settings } from '../../config/index.ts'
import { bannerText, calledAs, type Started } from '../banner.ts'
import { reachedAt, urlOf } from '../client.ts'
import { writtenOf } from '../config-lines.ts'
import type { InhouseCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { makeHome } from '../home-store.ts'
import { recordServer } from '../live-server.ts'
import { createLog } from '../log.ts'
import { neighboursHere } from '../looking.ts'
import { mustServe } from '../running.ts'
import { untilStopped } from '../signals.ts'

interface Options {
  readonly listen?: string
}

export const serve = (command: InhouseCommand): void => {
  command
    .description(
      'Serves the models of the config on one endpoint. Without a config it brings an engine and a small model, and serves that. SIGTERM and Ctrl-C let calls under way end (a second one does not); SIGHUP reads the config again, as does a change of its file.',
    )
    .option(
      '--listen <host:port>',
      'where; port 0 takes a free one (the config’s `listen`, else 127.0.0.1:4141)',
    )
    .example('inhouse serve', 'on this machine alone')
    .example(
      'inhouse serve --config team.yaml --listen 0.0.0.0:4141',
      'for others too; put TLS in front of it',
    )
    .example(
      'inhouse serve --json --listen 127.0.0.1:0 | jq -r .url',
      'for a program: one document when it is ready',
    )
    .failsWhen('it could not start: the port is taken, or no model can be had')
    .runs(run)
}

const run = async (context: Context, { listen }: Options): Promise<void> => {
  const read = await context.reader({ flags: { listen }, here: true })
  const loaded = read()
  const bars = context.bars()
  const isTerminal = process.stderr.isTTY
  const log = createLog(loaded.config.log.level, isTerminal, bars.above, context.paint)
  const parts = { loaded, reread: read, log, onProgress: bars.onProgress, env: process.env }
  await makeHome(context.home)
  const app = await startApp(parts)
  const takeRecordBack = await recordServer(context.home, reachedAt(app.hostname, app.port))
  const signals = untilStopped(() => app.reload())
  const given = new AbortController()
  void signals.stopped.then(() => given.abort())
  try {
    void app.learn()
    if (managedRows(app.config()).length > 0) bars.onProgress({ label: 'Starting the engine', done: 0 })
    const surroundings = Promise.all([readMachine(), neighboursHere()])
    await Promise.race([app.settled, signals.stopped])
    if (!given.signal.aborted) mustServe(app)
    const measured = await measureFirst(app, given.signal)
    const [machine, found] = await surroundings
    if (!given.signal.aborted) {
      const neighbours = found.filter((neighbour) => !isOurs(neighbour, app.config(), app.port))
      const started = { ...startedOf(app, loaded), measured, machine, neighbours }
      bars.end()
      announce(context, started)
    }
    await signals.stopped
    void signals.hurried.then(() => app.cut())
    context.say('Stopping: calls under way may end. Once more cuts them.\n')
  } finally {
    bars.end()
    await takeRecordBack()
    await app.stop()
    signals.release()
  }
}

/** The speed of the first model that runs here; nothing where none does. */
const measureFirst = async (app: App, signal: AbortSignal): Promise<Started['measured']> => {
  const row = managedRows(app.config()).find(([name]) => app.trouble(name) === undefined)?.[0]
  if (row === undefined || signal.aborted) return undefined
  const speed = await app.engines.measure(row, signal).catch((): Measured | undefined => undefined)
  return speed && { row, speed }
}

/** Our own second listener plays Ollama. */
const isOurs = ({ url }: Neighbour, { compat }: Settings, port: number): boolean => {
  const itsPort = Number(new URL(url).port)
  return itsPort === port || (compat !== undefined && itsPort === parseListen(compat.listen).port)
}

const startedOf = (app: App, loaded: Loaded) => ({
  url: reachedAt(app.hostname, app.port),
  hostname: app.hostname,
  keyFile: app.keyFile,
  written: writtenOf(loaded),
  config: app.config(),
  troubles: Object.keys(app.config().models).flatMap((row) => {
    const trouble = app.trouble(row)
    return trouble === undefined ? [] : [{ row, failure: asFailure(trouble) }]
  }),
  device: app.engines.status().device,
  accelerator: app.engines.status().program?.accelerator,
  command: calledAs(
    process.env['npm_lifecycle_event'] === undefined ? 'inhouse' : 'npx inhouse',
    loaded.home,
    resolveHome({ env: process.env, cwd: process.cwd() }),
  ),
})

const announce = (context: Context, started: Started): void => {
  const { url, keyFile, device, measured, machine, neighbours, troubles, config } = started
  if (!context.isJson) {
    context.say(`${bannerText(started, context.paint)}\n`)
    return
  }
  const missing = new Map(
    troubles.map(({ row, failure }) => [row, { code: failure.code, message: failure.message }]),
  )
  const models = Object.keys(config.models).map((name) => ({ name, trouble: missing.get(name) ?? null }))
  const { cpuFlags: _, ...hardware } = machine
  const speed = measured === undefined ? null : { model: measured.row, ...measured.speed }
  const compat =
    config.compat === undefined ? null : { url: urlOf(config.compat.listen), key: config.compat.key }
  context.result({ url, compat, keyFile, models, device, speed, hardware, neighbours }, () => '')
}
