import { isObject } from '../../core/is-object.ts'
import type { Path } from '../path.ts'
import type { Row } from '../edit.ts'
import { Draft } from './draft.ts'
import { Foreign } from './foreign.ts'
import type { Imported } from './imported.ts'
import { litellmReason } from './litellm-reasons.ts'
import { Keys, readBackend } from './litellm-backend.ts'
import { providerOfName, vendors } from './litellm-vendors.ts'

/**
 * LiteLLM’s `config.yaml`. Each deployment becomes a row; several of one name, and those that stand in for it, a route.
 * Keys become `${NAME}`, never their text. Throws `Failure('file_unfit')`.
 */
export function importLitellm(text: string): Imported {
  const file = new Foreign(text)
  const draft = new Draft()
  const keys = new Keys()
  const groups = new Map<string, Deployment[]>()
  const list = file.at(['model_list'])
  for (const at of Array.isArray(list) ? list.keys() : []) {
    const deployment = readDeployment(file, ['model_list', at], draft, keys)
    if (deployment === undefined) continue
    groups.set(deployment.name, [...(groups.get(deployment.name) ?? []), deployment])
  }
  putModels(file, draft, groups, fallbacksIn(file))
  putAliases(file, draft)
  putSettings(file, draft)
  return { config: draft.tree(), notes: file.finish(litellmReason) }
}

/** A name that clients send, and one place that answers it. */
interface Deployment {
  readonly name: string
  readonly path: Path
  readonly row: Row
}

function readDeployment(file: Foreign, path: Path, draft: Draft, keys: Keys): Deployment | undefined {
  const params: Path = [...path, 'litellm_params']
  const name = file.at([...path, 'model_name'])
  const model = file.at([...params, 'model'])
  if (typeof name !== 'string' || typeof model !== 'string') {
    file.leave(path, 'has no `model_name` or no `litellm_params.model`')
    return undefined
  }
  const written = [name, model, file.at([...params, 'api_base']), file.at([...params, 'api_version'])]
  if (written.some((each) => typeof each === 'string' && each.includes('${'))) {
    file.leave(path, 'has ${ in it, which begins a placeholder here')
    return undefined
  }
  const given = file.at([...params, 'custom_llm_provider'])
  const [prefix, rest] = splitOnce(model)
  const isPrefixed = rest !== undefined && vendors.has(prefix)
  const base = file.at([...params, 'api_base'])
  const provider =
    typeof given === 'string'
      ? given
      : isPrefixed || rest !== undefined
        ? prefix
        : (providerOfName(model) ?? (typeof base === 'string' ? 'openai' : undefined))
  const vendor = provider === undefined ? undefined : vendors.get(provider)
  if (provider === undefined || vendor === undefined) {
    const who =
      provider === undefined ? 'whose model this is, it does not say' : `${provider} is not known here`
    file.leave(path, `${who}; if it speaks OpenAI’s dialect: a backend of kind openai-compatible`)
    return undefined
  }
  const asked = isPrefixed && rest !== undefined ? rest.replace(/^(?:responses|chat)\//, '') : model
  if (asked.includes('*') && asked !== name) {
    file.leave(path, `passes another name on than the one asked for (${asked}): name the models one by one`)
    return undefined
  }
  const backend = readBackend(file, params, draft, keys, provider, vendor)
  if (backend === undefined) return undefined
  file.take([...path, 'model_name'])
  file.take([...params, 'model'])
  if (typeof given === 'string') file.take([...params, 'custom_llm_provider'])
  const sampling = samplingIn(file, params)
  const row = {
    backend,
    ...(asked !== name && { model: asked }),
    ...(sampling !== undefined && { sampling }),
  }
  return { name, path, row }
}

const samplingNames = [
  ['temperature', 'temperature', (value: number) => value >= 0 && value <= 5],
  ['top_p', 'topP', (value: number) => value >= 0 && value <= 1],
  ['max_tokens', 'maxOutputTokens', isCount],
  ['max_completion_tokens', 'maxOutputTokens', isCount],
  ['seed', 'seed', Number.isSafeInteger],
  ['frequency_penalty', 'frequencyPenalty', (value: number) => Math.abs(value) <= 2],
  ['presence_penalty', 'presencePenalty', (value: number) => Math.abs(value) <= 2],
] as const

function samplingIn(file: Foreign, params: Path): Row | undefined {
  const sampling: Record<string, number> = {}
  for (const [theirs, ours, fits] of samplingNames) {
    const value = file.at([...params, theirs])
    if (typeof value !== 'number' || !fits(value) || ours in sampling) continue
    file.take([...params, theirs])
    sampling[ours] = value
  }
  return Object.keys(sampling).length === 0 ? undefined : sampling
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0
}

/** Which names stand in for a name. */
function fallbacksIn(file: Foreign): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, readonly string[]>()
  for (const section of ['litellm_settings', 'router_settings']) {
    const list = file.at([section, 'fallbacks'])
    if (!Array.isArray(list)) continue
    for (const [at, entry] of list.entries())
      for (const [name, others] of Object.entries(isObject(entry) ? entry : {})) {
        if (!Array.isArray(others) || !others.every((each) => typeof each === 'string')) continue
        file.take([section, 'fallbacks', at, name])
        found.set(name, [...(found.get(name) ?? []), ...others])
      }
  }
  return found
}

function putModels(
  file: Foreign,
  draft: Draft,
  groups: ReadonlyMap<string, readonly Deployment[]>,
  fallbacks: ReadonlyMap<string, readonly string[]>,
): void {
  const isRouted = (name: string): boolean =>
    (groups.get(name)?.length ?? 0) > 1 ||
    (fallbacks.get(name) ?? []).some((other) => groups.has(other) && other !== name)
  const rows = new Map<string, string[]>()
  for (const [name, deployments] of groups) {
    const put = deployments.flatMap(({ row, path }) => {
      const alone = isRouted(name) ? `${name}@${String(row['backend'])}` : name
      // What it was asked for by stands in the row: it goes under another name now.
      const said = alone === name || 'model' in row ? row : { ...row, model: name }
      const made = name.includes('*') && alone !== name ? undefined : draft.model(alone, said)
      if (made === undefined) file.leave(path, 'has a name that no row can have')
      return made ?? []
    })
    rows.set(name, put)
    const [only] = deployments
    if (deployments.length === 1 && only !== undefined && put.length === 1) putLimits(file, draft, only)
  }
  for (const [name, others] of fallbacks) {
    const lost = groups.has(name) ? others.filter((other) => !groups.has(other)) : [name]
    for (const other of lost)
      file.changed(['model_list'], `${other} stands among the fallbacks, and there is no such model now`)
  }
  for (const [name, own] of rows) {
    if (!isRouted(name)) continue
    const others = (fallbacks.get(name) ?? []).flatMap((other) => rows.get(other) ?? [])
    const route = [...new Set([...own, ...others])]
    if (route.length > 0 && draft.model(name, { route }) !== undefined && own.length > 1)
      file.changed(
        groups.get(name)?.[0]?.path ?? [],
        `${name} has several deployments: they are asked in this order, and not in turns`,
      )
  }
}

function putLimits(file: Foreign, draft: Draft, { name, path }: Deployment): void {
  const limits: Record<string, number> = {}
  for (const [theirs, ours] of [
    ['rpm', 'requestsPerMinute'],
    ['tpm', 'tokensPerMinute'],
    ['max_parallel_requests', 'concurrency'],
  ] as const) {
    const here = [...path, 'litellm_params', theirs]
    const value = file.at(here)
    if (typeof value !== 'number' || !isCount(value)) continue
    file.take(here)
    limits[ours] = value
  }
  if (Object.keys(limits).length === 0) return
  const models = (draft.sections['limits']?.['models'] ?? {}) as Row
  draft.set('limits', 'models', { ...models, [name]: limits })
}

function putAliases(file: Foreign, draft: Draft): void {
  const path = ['router_settings', 'model_group_alias']
  const aliases = file.at(path)
  for (const [alias, name] of Object.entries(isObject(aliases) ? aliases : {})) {
    if (typeof name !== 'string' || !Object.hasOwn(draft.models, name) || Object.hasOwn(draft.models, alias))
      continue
    if (alias.includes('*') || name.includes('*')) continue
    if (draft.model(alias, { route: [name] }) !== undefined) file.take([...path, alias])
  }
}

function putSettings(file: Foreign, draft: Draft): void {
  const put = (path: Path, section: string, key: string, read: (value: number) => number): void => {
    const value = file.at(path)
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) return
    const ours = read(value)
    if (ours < 1 || ours > 2 ** 31 - 1) return
    file.take(path)
    draft.set(section, key, ours)
  }
  for (const section of ['litellm_settings', 'router_settings']) {
    put([section, 'num_retries'], 'retries', 'attempts', (more) => Math.min(10, Math.trunc(more) + 1))
    put([section, 'allowed_fails'], 'health', 'failuresToOpen', (fails) => Math.trunc(fails) + 1)
    put([section, 'cooldown_time'], 'health', 'openMs', (seconds) => Math.round(seconds * 1000))
  }
}

const splitOnce = (text: string): readonly [string, string | undefined] => {
  const at = text.indexOf('/')
  return at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}
