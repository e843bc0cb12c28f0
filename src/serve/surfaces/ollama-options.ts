import { isObject } from '../../core/is-object.ts'
import type { ChatPrompt, ImagePart, ResponseFormat, Sampling } from '../../core/request.ts'
import type { Work } from '../../core/turns.ts'
import { compact, type Fields } from './fields.ts'
import { outputLimit } from './ollama-request.ts'

/** `options`: what is no sampling (`num_ctx`, `mirostat` …) is kept in `rest` under `options.`. */
export function* ollamaSampling(fields: Fields, rest: Record<string, unknown>): Work<Sampling> {
  const options = fields.object('options')
  if (options === undefined) return {}
  const sampling = compact<Sampling>({
    maxOutputTokens: outputLimit(options),
    temperature: options.number('temperature'),
    topP: options.number('top_p'),
    topK: whole(options, 'top_k'),
    stop: stopTexts(options),
    seed: whole(options, 'seed'),
    frequencyPenalty: options.number('frequency_penalty'),
    presencePenalty: options.number('presence_penalty'),
  })
  yield* options.keepUnread(rest)
  return sampling
}

/** Ollama cuts fractions off. */
function whole(options: Fields, key: string): number | undefined {
  const value = options.number(key)
  return value === undefined ? undefined : Math.trunc(value)
}

function stopTexts(options: Fields): readonly string[] | undefined {
  const stop = options.get('stop')
  if (stop === undefined) return undefined
  if (typeof stop === 'string') return [stop]
  const isTexts = Array.isArray(stop) && stop.every((item) => typeof item === 'string')
  if (!isTexts) throw options.wrong('stop', 'must be a list of strings')
  return stop
}

/** What chat and generate share beside their messages. */
export function thinkingAndFormat(
  fields: Fields,
): Pick<ChatPrompt, 'reasoningEffort' | 'responseFormat' | 'logprobs' | 'topLogprobs'> {
  const top = fields.integer('top_logprobs', 0, 20)
  return compact({
    reasoningEffort: effort(fields),
    responseFormat: format(fields),
    logprobs: fields.boolean('logprobs') ?? (top === undefined ? undefined : true),
    topLogprobs: top === 0 ? undefined : top,
  })
}

const levels: ReadonlySet<unknown> = new Set(['low', 'medium', 'high', 'max'])

/** `true` names no level: the middle one, as where nobody says how hard to think. */
function effort(fields: Fields): string | undefined {
  const think = fields.get('think')
  if (think === undefined) return undefined
  if (typeof think === 'boolean') return think ? 'medium' : 'none'
  if (typeof think === 'string' && levels.has(think)) return think
  throw fields.wrong('think', 'must be true, false, low, medium, high or max')
}

function format(fields: Fields): ResponseFormat | undefined {
  const wanted = fields.get('format')
  if (wanted === undefined || wanted === '') return undefined
  if (wanted === 'json') return { type: 'json' }
  if (isObject(wanted)) return { type: 'json-schema', name: 'answer', schema: wanted }
  throw fields.wrong('format', 'must be json or a JSON Schema')
}

/** Images are base64 and nothing else says what they are: their first bytes do. */
export function* ollamaImages(fields: Fields): Work<ImagePart[]> {
  const images: ImagePart[] = []
  for (const [at, image] of (fields.list('images') ?? []).entries()) {
    if (typeof image !== 'string') throw fields.wrong(`images[${at}]`, 'must be base64')
    const data = image.startsWith('data:') ? image.slice(image.indexOf(',') + 1) : image
    images.push({ type: 'image', source: { mediaType: mediaTypeOf(data), data } })
    yield
  }
  return images
}

const beginnings = [
  ['/9j/', 'image/jpeg'],
  ['R0lGOD', 'image/gif'],
  ['UklGR', 'image/webp'],
] as const

const mediaTypeOf = (data: string): string =>
  beginnings.find(([beginning]) => data.startsWith(beginning))?.[1] ?? 'image/png'
