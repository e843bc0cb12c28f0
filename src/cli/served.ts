import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import { capabilities, type Capability } from '../core/model-facts.ts'
import { Failure } from '../core/failure.ts'
import { isObject } from '../core/is-object.ts'
import { chatModels } from '../connect/chat-models.ts'
import type { ServedModel, Tool } from '../connect/tool.ts'
import { ensureFirstKey } from '../protect/guard/first-key.ts'
import type { KeyStore } from '../protect/guard/key-store.ts'
import { mustAnswer, readKey, urlOf, type Endpoint } from './client.ts'
import type { Context } from './context.ts'
import { withKeys, withMadeStore, withStore } from './home-store.ts'
import { liveServer } from './live-server.ts'
import { listText, noSuch } from './names.ts'
import { countText } from './print.ts'

/** Where tools are pointed at, and what answers there. */
export interface Served {
  readonly url: string
  readonly models: readonly ServedModel[]
  /** Undefined: it is the server of this home, and its keys are made here. */
  readonly key: string | undefined
  readonly isRunning: boolean
}

/** The server at an address, with INHOUSE_KEY; else that of the config, running or not. Throws `Failure`. */
export const findServed = async (context: Context, address: string | undefined): Promise<Served> => {
  if (address !== undefined) {
    const key = process.env['INHOUSE_KEY'] ?? ''
    if (key === '')
      throw new Failure('key_missing', {
        message: `${address} is somebody else’s server: this one can make no key for it.`,
        help: 'Ask for a key there, and give it in INHOUSE_KEY.',
      })
    return { url: address, key, models: await servedModels({ url: address, key }), isRunning: true }
  }
  const { config } = await context.load({ secrets: 'unread' })
  const live = await liveServer(context.home, config.listen)
  const models = live
    ? await servedModels({ url: live, key: await readKey(context.home) })
    : Object.entries(config.models)
        .filter(([name]) => !name.includes('*'))
        .map(([name, { context: tokens }]) => ({ name, ...(tokens ? { context: tokens } : {}) }))
  return { url: live ?? urlOf(config.listen), key: undefined, models, isRunning: live !== undefined }
}

/** What a server offers to this key, with what it knows of each model. Throws `Failure`. */
export const servedModels = async (endpoint: Endpoint): Promise<readonly ServedModel[]> => {
  return Promise.all(
    (await listed(endpoint)).map(async ({ id: name, max_input_tokens: context, max_tokens: maxOutput }) => ({
      name,
      ...(typeof context === 'number' && { context }),
      ...(typeof maxOutput === 'number' && { maxOutput }),
      ...(await shown(endpoint, name)),
    })),
  )
}

/** Web servers and gateways answer too, as they like. */
const listed = async (endpoint: Endpoint): Promise<readonly Listed[]> => {
  const stranger = new Failure('server_unreachable', {
    message: `No inhouse answers at ${endpoint.url}: what stands there lists no models.`,
    help: 'Check the address.',
  })
  const reply = await mustAnswer(endpoint, '/v1/models', {}).catch((thrown: unknown) => {
    throw thrown instanceof Failure && thrown.code === 'model_unknown' ? stranger : thrown
  })
  const said: unknown = await reply.json().catch(() => undefined)
  const data = isObject(said) ? said['data'] : undefined
  if (!Array.isArray(data)) throw stranger
  return data.filter((each): each is Listed => isObject(each) && typeof each['id'] === 'string')
}

interface Listed {
  readonly id: string
  readonly max_input_tokens?: number | null
  readonly max_tokens?: number | null
}

/** Other servers may not have this page: then nothing more is known. */
const shown = async (endpoint: Endpoint, model: string): Promise<Partial<ServedModel>> => {
  try {
    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify({ model })
    const reply = await mustAnswer(endpoint, '/api/show', { method: 'POST', headers, body })
    const said = (await reply.json()) as { capabilities?: unknown; model_info?: Record<string, unknown> }
    const context = Object.entries(said.model_info ?? {}).find(([name]) =>
      name.endsWith('.context_length'),
    )?.[1]
    const words = Array.isArray(said.capabilities)
      ? said.capabilities.map((word) => ollamaWords[String(word)] ?? word)
      : []
    const known = capabilities.filter((each: Capability) => words.includes(each))
    return {
      ...(typeof context === 'number' && { context }),
      ...(known.length > 0 && { capabilities: known }),
    }
  } catch {
    return {}
  }
}

const ollamaWords: Readonly<Record<string, Capability>> = { completion: 'chat', embedding: 'embed' }

/**
 * The model of that name; without one the first that the tool can work with. Throws `Failure('model_unknown')`, or
 * `Failure('context_too_small')` unless `isForced`.
 */
export const chooseModel = (
  tool: Tool,
  models: readonly ServedModel[],
  wanted: string | undefined,
  isForced: boolean,
): ServedModel => {
  const able = chatModels(models)
  const isEnough = ({ context = Infinity }: ServedModel): boolean => context >= tool.leastContext
  // A row with a star takes names that nobody lists.
  const named = wanted === undefined ? undefined : models.find(({ name }) => name === wanted)
  const chosen = wanted === undefined ? (able.find(isEnough) ?? able[0]) : named
  if (chosen === undefined) {
    const names = models.map(({ name }) => name)
    throw new Failure('model_unknown', {
      message: wanted === undefined ? 'There is no model that chats.' : noSuch('model', wanted, names),
      help: names.length === 0 ? '`models:` in the config adds one.' : `There are ${listText(names)}.`,
    })
  }
  if (isForced || isEnough(chosen)) return chosen
  throw new Failure('context_too_small', {
    message: `${tool.title} needs ${countText(tool.leastContext)} tokens to finish a turn; ${chosen.name} takes ${countText(chosen.context ?? 0)}.`,
    help: 'Choose another model with --model, give this one more `context` in its row of the config, or see it fail with --force.',
  })
}

const keyName = (tool: Tool): string => `connect-${tool.id}`

/** Where the tool's key is kept, mode 600; that of a server elsewhere beside the one of this home. */
export const keyFileOf = (home: string, tool: Tool, { key }: Pick<Served, 'key'>): string =>
  join(home, 'connect', `${tool.id}${key === undefined ? '' : '.elsewhere'}.key`)

/** The tool's own key: the one that was given, or is kept and in force; else a new one. Stands in `keyFileOf` then. */
export const toolKey = async (home: string, tool: Tool, served: Pick<Served, 'key'>): Promise<string> => {
  const file = keyFileOf(home, tool, served)
  const keep = async (secret: string): Promise<string> => {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    await rm(file, { force: true })
    await writeFile(file, `${secret}\n`, { mode: 0o600 })
    return secret
  }
  if (served.key !== undefined) return keep(served.key)
  const kept = (await readFile(file, 'utf8').catch(() => '')).trim()
  return withMadeStore(home, (store) =>
    withKeys(store, async (keys) => {
      // The home's own comes first: it is made only where there is no other.
      await ensureFirstKey(home, keys)
      const known = keys.find(kept)
      if (known?.name === keyName(tool) && known.revokedAt === undefined) return kept
      await revokeNamed(keys, keyName(tool))
      const { secret } = await keys.create({ name: keyName(tool), tags: ['connect'] })
      return keep(secret)
    }),
  )
}

/** Takes the key that was made for the tool out of force, and forgets it. */
export const dropToolKey = async (home: string, tool: Tool): Promise<void> => {
  for (const key of [undefined, '']) {
    const file = keyFileOf(home, tool, { key })
    if (key === undefined && (await Bun.file(file).exists()))
      await withStore(home, (store) => withKeys(store, (keys) => revokeNamed(keys, keyName(tool))))
    await rm(file, { force: true })
  }
}

const revokeNamed = async (keys: KeyStore, wanted: string): Promise<void> => {
  if (keys.list().some(({ name, revokedAt }) => name === wanted && revokedAt === undefined))
    await keys.revoke(wanted)
}
