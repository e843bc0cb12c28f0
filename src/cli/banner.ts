import { builtIn, type Settings } from '../config/schema.ts'
import type { Failure } from '../core/failure.ts'
import { isLoopback } from '../core/hosts.ts'
import { backendKinds } from '../serve/backends/index.ts'
import type { Accelerator, Measured } from '../serve/engines/engine.ts'
import type { Machine } from '../serve/engines/machine.ts'
import type { Neighbour } from '../serve/discover/neighbours.ts'
import { version } from '../version.ts'
import { betterEngine, betterModel } from './advice.ts'
import { urlOf } from './client.ts'
import { builtInBackend, configLines, ownBackend, type Written } from './config-lines.ts'
import { hardwareText } from './hardware.ts'
import { bytesText, facts, type Paint } from './print.ts'

/** What is known when a server has started. */
export interface Started {
  readonly url: string
  readonly hostname: string
  readonly keyFile: string | undefined
  /** The config file in force. */
  readonly written: Written
  readonly config: Settings
  /** Rows that are not served. */
  readonly troubles: readonly { readonly row: string; readonly failure: Failure }[]
  readonly device: string | undefined
  /** What the engine in use computes on, if one is. */
  readonly accelerator: Accelerator | 'unknown' | undefined
  readonly measured: { readonly row: string; readonly speed: Measured } | undefined
  readonly machine: Machine
  readonly neighbours: readonly Neighbour[]
  /** How this program is called for this home: `inhouse`, `npx inhouse --home /srv/x`. */
  readonly command: string
}

/** The words in front of a command that is to work in a home; `usual` is the home where none is named. Pure. */
export const calledAs = (program: string, home: string, usual: string): string =>
  home === usual ? program : `${program} --home ${quoted(home)}`

/** All that a person needs to go on, ready to paste. The key itself is not on the screen. Pure. */
export const bannerText = (started: Started, paint: Paint): string =>
  [
    head(started, paint),
    warnings(started, paint),
    tryIt(started, paint),
    gpu(started, paint),
    isBuiltIn(started.config) ? better(started, paint) : '',
    neighbours(started, paint),
  ]
    .filter((part) => part !== '')
    .join('\n')

const head = (started: Started, paint: Paint): string => {
  const { url, keyFile, config, troubles, device, measured, machine, command } = started
  const served = Object.keys(config.models).filter((name) => !troubles.some(({ row }) => row === name))
  const speed =
    measured === undefined
      ? ''
      : `: ${perSecond(measured.speed.outputTokensPerSecond)} (${measured.row}; it reads ${perSecond(measured.speed.promptTokensPerSecond)})`
  const rows = [
    ['Models', served.join(', ')],
    ['Run on', device === undefined ? undefined : `${device}${speed}`],
    ['Hardware', hardwareText(machine)],
    [
      'Keyless',
      config.compat === undefined
        ? undefined
        : `${urlOf(config.compat.listen)}, as the key ${config.compat.key}`,
    ],
    [
      'Key',
      keyFile === undefined
        ? `\`${command} keys create --name N\` makes one`
        : `${keyFile} (readable by you alone)`,
    ],
  ] as const
  return `\n${paint.bold(`inhouse ${version}`)} serves on ${paint.bold(paint.cyan(`${url}/v1`))}\n\n${indent(facts(rows, paint))}`
}

const perSecond = (speed: number): string => `${speed.toFixed(0)} tokens/s`

const warnings = ({ hostname, troubles }: Started, paint: Paint): string => {
  const open = isLoopback(hostname)
    ? []
    : [
        `Other machines can reach this server: it listens on ${hostname}. Keys travel unencrypted; put TLS in front of it.`,
      ]
  const missing = troubles.map(
    ({ row, failure }) => `${row} is not served: ${failure.message} ${failure.help}`,
  )
  return [...open, ...missing]
    .map((text) => `  ${paint.yellow(paint.bold('!'))} ${paint.yellow(text)}\n`)
    .join('')
}

const tryIt = ({ url, keyFile, config, troubles, command }: Started, paint: Paint): string => {
  const model = Object.keys(config.models).find(
    (name) => !name.includes('*') && !troubles.some(({ row }) => row === name),
  )
  const key = keyFile === undefined ? '$INHOUSE_KEY' : `$(cat ${quoted(keyFile)})`
  const body = JSON.stringify({
    model: model ?? 'MODEL',
    messages: [{ role: 'user', content: 'Why is the sky blue?' }],
  })
  const lines = [
    `${command} chat "Why is the sky blue?"`,
    '',
    `curl ${url}/v1/chat/completions \\`,
    `  -H "Authorization: Bearer ${key}" -H "Content-Type: application/json" \\`,
    `  -d '${body}'`,
    '',
    `export OPENAI_BASE_URL=${url}/v1 OPENAI_API_KEY="${key}"`,
  ]
  return `${paint.bold('Try it')}\n\n${indent(`${lines.join('\n')}\n`)}`
}

const gpu = ({ machine, accelerator, command }: Started, paint: Paint): string => {
  const engine = betterEngine(machine, accelerator)
  if (engine === undefined) return ''
  const line = `${command} engines install --accelerator ${engine}`
  return `${paint.bold('The GPU is idle:')} nobody publishes digests of the engine for it, so it comes only when asked for. Its digest is recorded at first use:\n\n${indent(`${line}\n`)}`
}

/** Only the model that comes with inhouse. */
const isBuiltIn = ({ models }: Settings): boolean =>
  Object.keys(models).length > 0 &&
  Object.values(models).every(({ source }) => source === builtIn.models.small.source)

const better = ({ machine, written, config, command }: Started, paint: Paint): string => {
  const opening = `${paint.bold('This small model is for trying out.')} It shows that everything works, and it is often wrong.`
  const model = betterModel(machine)
  if (model === undefined) return `${opening}\n`
  const { name, rows } = ownBackend(config)
  const row = `better: { backend: ${name}, source: "${model.source}", context: 8192 }`
  // A section of models takes the place of the built-in one.
  const kept = written.sections.has('models')
    ? []
    : [`small: { backend: ${name}, source: "${builtIn.models.small.source}" }`]
  const added = configLines(written, { backends: rows, models: [...kept, row] })
  const lines = [`${command} models pull ${model.source}`, '', ...added]
  const what = `A better one for this machine is ${model.name} (${bytesText(model.bytes)}); bring it, and name it in the config:`
  return `${opening}\n${what}\n\n${indent(`${lines.join('\n')}\n`)}`
}

const neighbours = ({ neighbours: found, written, config }: Started, paint: Paint): string => {
  const known = new Set(Object.values(config.backends).map((row) => ('url' in row ? row.url : undefined)))
  return found
    .filter(({ url }) => !known.has(url))
    .map((neighbour) => {
      const { kind, url, version: itsVersion, models } = neighbour
      const name = `${kind}${itsVersion === undefined ? '' : ` ${itsVersion}`}`
      const [first = 'its-model', ...more] = models
      // A section of backends takes the place of the built-in one, which models of the file may need.
      const { sections } = written
      const kept = sections.has('models') && !sections.has('backends') ? [builtInBackend] : []
      const lines = configLines(written, {
        backends: [...kept, `${kind}: { kind: ${kindFor(kind)}, url: ${url} }`],
        models: [`${JSON.stringify(first)}: { backend: ${kind} }`],
      })
      const others = more.length === 0 ? '' : ` (and ${more.length} more)`
      return `${paint.bold(`${name} already answers on this machine`)} with ${first}${others}. To serve its models${sections.has('models') ? ' too' : ' instead'}:\n\n${indent(`${lines.join('\n')}\n`)}`
    })
    .join('\n')
}

const kindFor = (kind: Neighbour['kind']): string =>
  backendKinds.some((known) => known.kind === kind) ? kind : 'openai-compatible'

const quoted = (path: string): string =>
  /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`

const indent = (text: string): string => text.replaceAll(/^(?=.)/gm, '  ')
