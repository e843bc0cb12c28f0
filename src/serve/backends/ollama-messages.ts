import type { ModelFacts } from '../../core/model-facts.ts'
import type { ImagePart, Message, Part } from '../../core/request.ts'
import type { Work } from '../../core/turns.ts'
import { inputOf } from './anthropic-body.ts'
import { unsupported } from './quirks.ts'

type Json = Record<string, unknown>

/** The turns of a chat. Tool results are messages of their own, and say whose they are. */
export function* ollamaMessages(
  messages: readonly Message[],
  facts: ModelFacts,
  warnings: Set<string>,
): Work<Json[]> {
  const seesImages = facts.capabilities?.includes('vision') !== false
  const names = new Map<string, string>()
  const made: Json[] = []
  for (const { role, parts } of messages) {
    const others: Part[] = []
    const calls: Json[] = []
    for (const part of parts) {
      yield
      if (part.type === 'tool-call') {
        names.set(part.id, part.name)
        const about = { index: calls.length, name: part.name, arguments: yield* inputOf(part.input) }
        calls.push({ id: part.id, function: about })
      } else if (part.type === 'tool-result') {
        if (part.isError === true) warnings.add('messages[].content[].is_error')
        const said = sayingOf(part.parts, seesImages, warnings)
        made.push({ role: 'tool', ...said, tool_name: names.get(part.id), tool_call_id: part.id })
      } else others.push(part)
    }
    if (calls.length > 0) made.push({ role, ...sayingOf(others, seesImages, warnings), tool_calls: calls })
    else if (others.length > 0) made.push({ role, ...sayingOf(others, seesImages, warnings) })
  }
  return made
}

/** What one message says; thoughts go along for the templates that show them. */
function sayingOf(parts: readonly Part[], seesImages: boolean, warnings: Set<string>): Json {
  let content = ''
  let thinking = ''
  const images: string[] = []
  for (const part of parts) {
    if (part.type === 'text') content += part.text
    else if (part.type === 'reasoning') thinking += part.text
    else if (part.type === 'image') images.push(imageData(part, seesImages, warnings))
    else throw unsupported('messages', 'A part of a message cannot be said in this backend’s dialect.')
  }
  return {
    content,
    thinking: thinking === '' ? undefined : thinking,
    images: images.length === 0 ? undefined : images,
  }
}

function imageData(
  { source, detail = 'auto' }: ImagePart,
  seesImages: boolean,
  warnings: Set<string>,
): string {
  if (!seesImages) throw unsupported('messages', 'This model sees no images.')
  if ('url' in source) {
    throw unsupported(
      'messages',
      'This backend takes images as base64 and no addresses, and inhouse does not fetch them.',
    )
  }
  if (detail !== 'auto') warnings.add('messages[].content[].image_url.detail')
  return source.data
}
