import { Failure } from '../../core/failure.ts'
import type { Item } from './items.ts'
import type { Seal } from './seal.ts'

/** What stands before a summary that was sealed here; another vendor's has another. */
const mark = 'ihc1.'

const about = (owner: string): string => JSON.stringify([owner, 'compaction'])

/** A summary as `encrypted_content`: its client carries it, and only this server reads it, for the same key. */
export async function sealSummary(summary: string, owner: string, seal: Seal): Promise<string> {
  const sealed = await seal.close(new TextEncoder().encode(summary), about(owner))
  return mark + Buffer.from(sealed).toString('base64url')
}

/**
 * A compaction item as a message that every model understands; undefined for items that are none, or not sealed here.
 * Rejects with `Failure('bad_request')` for one that does not open.
 */
export async function openSummary(item: Item | null, owner: string, seal: Seal): Promise<Item | undefined> {
  const content = item?.['type'] === 'compaction' ? item['encrypted_content'] : undefined
  if (typeof content !== 'string' || !content.startsWith(mark)) return undefined
  const bytes = await seal.open(Buffer.from(content.slice(mark.length), 'base64url'), about(owner))
  if (bytes === undefined) {
    throw new Failure('bad_request', {
      message: 'A compaction item was made with another key, by another server, or was changed.',
      param: 'input',
    })
  }
  const text = `Summary of the conversation up to here:\n\n${new TextDecoder().decode(bytes)}`
  return { type: 'message', role: 'user', content: [{ type: 'input_text', text }] }
}

/** What asks a model for the summary. */
export const summaryRequest = (items: readonly Item[]): string =>
  `${task}\n\n<conversation>\n${items.map(lineOf).join('\n')}\n</conversation>`

const task =
  'Below is a conversation between a user and an assistant, with the calls of tools and their results. Write a summary from which the assistant can ' +
  'go on without having read it: what the user wants, what was decided and why, names, numbers, paths and other facts word for word, what was done, ' +
  'what is still open. Write the summary alone.'

/** As a line of a transcript: calls without the tools that they call are refused by some vendors. */
function lineOf(item: Item): string {
  switch (item['type'] ?? 'message') {
    case 'message':
      return `[${String(item['role'])}] ${textOf(item['content'])}`
    case 'function_call':
      return `[assistant calls ${String(item['name'])}] ${String(item['arguments'])}`
    case 'custom_tool_call':
      return `[assistant calls ${String(item['name'])}] ${String(item['input'])}`
    case 'function_call_output':
    case 'custom_tool_call_output':
      return `[result] ${textOf(item['output'])}`
    default:
      return `[${String(item['type'])}]`
  }
}

interface Part {
  readonly type: string
  readonly text?: string
  readonly refusal?: string
}

function textOf(content: unknown): string {
  if (!Array.isArray(content)) return String(content)
  return (content as readonly Part[])
    .map(({ type, text, refusal }) => text ?? refusal ?? `(${type})`)
    .join('\n')
}
