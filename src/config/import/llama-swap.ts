import { isObject } from '../../core/is-object.ts'
import type { Path } from '../path.ts'
import type { Row } from '../edit.ts'
import { Draft } from './draft.ts'
import { Foreign } from './foreign.ts'
import type { Imported } from './imported.ts'
import { expanded, macrosIn, ours, type Macros } from './llama-swap-macros.ts'
import { llamaSwapReason } from './llama-swap-reasons.ts'
import { withoutComments, wordsOf } from './words.ts'

/**
 * llama-swap’s config. Each model keeps its own command line, as `engine: command`; aliases and selectors become routes,
 * peers backends. Keys become `${NAME}` or `{key}`, never their text. Throws `Failure('file_unfit')`.
 */
export function importLlamaSwap(text: string): Imported {
  const file = new Foreign(text)
  const draft = new Draft()
  const backend = draft.backend('here', { kind: 'managed' })
  const macros = macrosIn(file.take(['macros']))
  for (const [id, row] of entriesAt(file, ['models'])) {
    if (!isObject(row) || backend === undefined) continue
    const run = { id, path: ['models', id], macros: new Map([...macros, ...macrosIn(row['macros'])]) }
    const made = readModel(file, run, backend)
    if (made === undefined) continue
    if (draft.model(id, made) === undefined)
      file.leave(run.path, 'has a name or a setting that no row can have')
    else putAliases(file, draft, run)
  }
  putPeers(file, draft)
  putSelectors(file, draft)
  putSettings(file, draft)
  return { config: draft.tree(), notes: file.finish(llamaSwapReason) }
}

interface Run {
  readonly id: string
  readonly path: Path
  readonly macros: Macros
}

const entriesAt = (file: Foreign, path: Path): readonly (readonly [string, unknown])[] => {
  const value = file.at(path)
  return isObject(value) ? Object.entries(value) : []
}

function readModel(file: Foreign, run: Run, backend: string): Row | undefined {
  const { id, path, macros } = run
  if (id.includes('*'))
    return file.leave(path, 'has a `*` in its name, which would make it a wildcard') as undefined
  const at = (key: string): Path => [...path, key]
  const known = new Map([...macros, ['PORT', '{port}'], ['MODEL_ID', id]])
  const cmd = file.at(at('cmd'))
  const refuse = (why: string): undefined => file.leave(path, why) as undefined
  if (typeof cmd !== 'string') return refuse('has no `cmd`')
  if (/\{(?:port|model|key)\}/.test(cmd.replaceAll('${', '$')))
    return refuse('has {port}, {model} or {key} in its command, which would be filled in here')
  const text = expanded(withoutComments(cmd), known)
  const words = text === undefined ? undefined : wordsOf(text)
  if (words === undefined || words[0] === undefined)
    return refuse('has a command with an unknown macro or an open quote')
  const proxy = file.at(at('proxy'))
  const target = typeof proxy === 'string' ? expanded(proxy, known) : 'http://localhost:{port}'
  if (!/^http:\/\/(?:localhost|127\.0\.0\.1):\{port\}\/?$/.test(target ?? ''))
    return refuse(
      'answers elsewhere than at ${PORT} of this machine; what runs anyway: `inhouse backends add`',
    )
  if (!words.some((word) => word.includes('{port}')))
    return refuse('is told no ${PORT}: inhouse gives each engine a free port')
  for (const key of ['macros', 'cmd', 'proxy']) file.take(at(key))
  const health = file.at(at('checkEndpoint'))
  const model = file.at(at('useModelName'))
  const slots = file.at(at('concurrencyLimit'))
  const hasHealth = typeof health === 'string' && health.startsWith('/')
  if (hasHealth) file.take(at('checkEndpoint'))
  if (typeof model === 'string' && model !== '') file.take(at('useModelName'))
  const isBound = typeof slots === 'number' && Number.isSafeInteger(slots) && slots > 0
  if (isBound || slots === 0) file.take(at('concurrencyLimit'))
  const env = environmentIn(file, at('env'), known)
  const speaks = dialects.find(([program]) => words.slice(0, 4).some((word) => program.test(word)))?.[1]
  return {
    backend,
    engine: 'command',
    command: {
      run: withoutKeys(file, at('cmd'), words).map(ours),
      ...(hasHealth && { health: ours(health) }),
      ...(speaks !== undefined && { speaks }),
    },
    ...(typeof model === 'string' && model !== '' && { model: ours(model) }),
    ...(isBound && { slots }),
    ...(env !== undefined && { env }),
  }
}

/** By the program that is started: each has its own ways. */
const dialects: readonly (readonly [RegExp, string])[] = [
  [/(?:^|\/)llama-server/, 'llama-server'],
  [/(?:^|\/|\.)vllm/, 'vllm'],
  [/(?:^|\/|\.)sglang/, 'sglang'],
  [/(?:^|\/)text-generation-(?:launcher|router)/, 'tgi'],
]

/** A key among the words: inhouse gives each engine one of its own. */
function withoutKeys(file: Foreign, path: Path, words: readonly string[]): readonly string[] {
  const hidden = words.map((word, at) => {
    if (words[at - 1] === '--api-key') return '{key}'
    return word.startsWith('--api-key=') ? '--api-key={key}' : word
  })
  if (hidden.some((word, at) => word !== words[at]))
    file.changed(path, 'its --api-key is not copied: it gets a key of inhouse’s own')
  return hidden
}

function environmentIn(file: Foreign, path: Path, macros: Macros): Record<string, string> | undefined {
  const list = file.at(path)
  const read: Record<string, string> = {}
  for (const [at, entry] of (Array.isArray(list) ? list : []).entries()) {
    const [, name = '', value = ''] = /^([A-Za-z_]\w*)=([\s\S]*)$/.exec(String(entry)) ?? []
    const text = name === '' || name === '__proto__' ? undefined : expanded(value, macros)
    if (text === undefined) continue
    const isSecret = /key|token|secret|passw|credential/i.test(name) && !/^\u{fdd2}\w+\u{fdd3}$/u.test(text)
    if (isSecret) file.changed([...path, at], `may be a secret: put it into the environment as ${name}`)
    read[name] = isSecret ? `\${${name}}` : ours(text)
    file.take([...path, at])
  }
  return Object.keys(read).length === 0 ? undefined : read
}

function putAliases(file: Foreign, draft: Draft, { id, path }: Run): void {
  const aliases = file.at([...path, 'aliases'])
  for (const [at, alias] of (Array.isArray(aliases) ? aliases : []).entries()) {
    if (typeof alias !== 'string' || alias.includes('*') || Object.hasOwn(draft.models, alias)) continue
    if (draft.model(alias, { route: [id] }) !== undefined) file.take([...path, 'aliases', at])
  }
}

function putPeers(file: Foreign, draft: Draft): void {
  for (const [name, peer] of entriesAt(file, ['peers'])) {
    const path = ['peers', name]
    if (!isObject(peer)) continue
    const { proxy, apiKey, models } = peer
    const url =
      typeof proxy === 'string' ? expanded(proxy, new Map())?.replace(/(?:\/v1)?\/*$/, '/v1') : undefined
    const variable = `${name.toUpperCase().replaceAll(/\W/g, '_')}_API_KEY`.replace(/^(?=\d)/, '_')
    const hasKey = typeof apiKey === 'string' && apiKey !== ''
    const given = hasKey ? /^\$\{env\.([A-Za-z_]\w*)\}$/.exec(apiKey)?.[1] : undefined
    const backend = draft.backend(name, {
      kind: 'openai-compatible',
      ...(url !== undefined && { url: ours(url) }),
      ...(hasKey && { apiKey: `\${${given ?? variable}}` }),
    })
    if (backend === undefined) {
      file.leave(path, 'has no address that a backend can have (http or https, without a query)')
      continue
    }
    file.take([...path, 'proxy'])
    if (hasKey) file.take([...path, 'apiKey'])
    if (hasKey && given === undefined)
      file.changed([...path, 'apiKey'], `stands there in clear: put it into the environment as ${variable}`)
    for (const [at, model] of (Array.isArray(models) ? models : []).entries()) {
      if (typeof model !== 'string' || Object.hasOwn(draft.models, model)) continue
      if (draft.model(model, { backend }) !== undefined) file.take([...path, 'models', at])
    }
  }
}

function putSelectors(file: Foreign, draft: Draft): void {
  for (const [id, selector] of entriesAt(file, ['selectors'])) {
    if (!isObject(selector) || Object.hasOwn(draft.models, id) || id.includes('*')) continue
    const { strategy, targets } = selector
    const all = (Array.isArray(targets) ? targets : []).filter((name) =>
      Object.hasOwn(draft.models, String(name)),
    )
    const route = strategy === 'pin' ? all.slice(0, 1) : all
    if (route.length === 0 || route.some((name) => typeof name !== 'string' || name === id)) continue
    const path = ['selectors', id]
    if (draft.model(id, { route }) === undefined) continue
    file.take([...path, 'strategy'])
    file.take([...path, 'targets'])
    if (strategy !== 'pin') file.changed(path, 'asks its rows in their order, loaded or not')
  }
}

function putSettings(file: Foreign, draft: Draft): void {
  const seconds = file.at(['healthCheckTimeout'])
  if (typeof seconds === 'number' && seconds >= 1 && seconds <= 2_000_000) {
    file.take(['healthCheckTimeout'])
    draft.set('engines', 'startTimeoutMs', Math.round(seconds * 1000))
  }
  const level = file.at(['logLevel'])
  if (typeof level === 'string' && ['debug', 'info', 'warn', 'error'].includes(level)) {
    file.take(['logLevel'])
    draft.set('log', 'level', level)
  }
  if (!Object.values(draft.models).some(({ engine }) => engine === 'command')) return
  // One at a time, where it is not told otherwise.
  if (file.at(['groups']) === undefined && file.at(['matrix']) === undefined)
    draft.set('engines', 'maxLoaded', 1)
  putIdleTime(file, draft)
}

/** One time for all models, where theirs are one. */
function putIdleTime(file: Foreign, draft: Draft): void {
  const timeOf = (value: unknown): unknown => (value === undefined || value === -1 ? undefined : value)
  const general = timeOf(file.at(['globalTTL'])) ?? 0
  const ids = Object.keys(draft.models).filter((id) => draft.models[id]?.['engine'] === 'command')
  const times = new Set(ids.map((id) => timeOf(file.at(['models', id, 'ttl'])) ?? general))
  const [only] = times
  if (times.size !== 1 || typeof only !== 'number' || !Number.isSafeInteger(only)) return
  if (only < 0 || only > 2_000_000) return
  file.take(['globalTTL'])
  for (const id of ids) file.take(['models', id, 'ttl'])
  draft.set('engines', 'idleUnloadMs', only * 1000)
}
