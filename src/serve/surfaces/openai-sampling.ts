import type { Sampling } from '../../core/request.ts'
import { compact, type Fields } from './fields.ts'

/** The sampling fields that chat and completions share. */
export function openAiSampling(fields: Fields): Sampling {
  return compact<Sampling>({
    maxOutputTokens: fields.integer('max_tokens', 0),
    temperature: fields.number('temperature'),
    topP: fields.number('top_p'),
    topK: fields.integer('top_k'),
    stop: stopTexts(fields),
    seed: fields.integer('seed'),
    frequencyPenalty: fields.number('frequency_penalty'),
    presencePenalty: fields.number('presence_penalty'),
  })
}

function stopTexts(fields: Fields): readonly string[] | undefined {
  const stop = fields.get('stop')
  if (stop === undefined) return undefined
  if (typeof stop === 'string') return [stop]
  const isTexts = Array.isArray(stop) && stop.every((item) => typeof item === 'string')
  if (!isTexts) throw fields.wrong('stop', 'must be a string or a list of strings')
  return stop
}
