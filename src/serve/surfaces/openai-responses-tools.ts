import { isObject } from '../../core/is-object.ts'
import { createHash } from 'node:crypto'

import type { Tool, ToolChoice } from '../../core/request.ts'
import type { Work } from '../../core/turns.ts'
import { compact, type Fields } from './fields.ts'

/** A tool as the model is offered it, and as the client knows it. */
export interface OfferedTool {
  readonly tool: Tool
  readonly name: string
  readonly namespace: string | undefined
  /** Takes free text: here a function whose only argument is that text. */
  readonly isCustom: boolean
}

/**
 * The tools of a body as functions: those of a namespace by a name that has the namespace in it, those that take free
 * text by one string. Tools that the origin runs itself are kept in `rest` under their type.
 */
export function* offeredTools(fields: Fields, rest: Record<string, unknown>): Work<OfferedTool[]> {
  const offered: OfferedTool[] = []
  for (const tool of fields.objects('tools') ?? []) {
    const type = tool.required('type', tool.text('type'))
    if (type === 'namespace') {
      const namespace = tool.required('name', tool.text('name'))
      for (const inner of tool.objects('tools') ?? []) {
        const innerType = inner.text('type') ?? 'function'
        const made = yield* offer(inner, innerType, namespace, rest)
        if (made !== undefined) offered.push(made)
      }
      yield* tool.keepUnread(rest)
    } else {
      const made = yield* offer(tool, type, undefined, rest)
      if (made !== undefined) offered.push(made)
    }
    yield
  }
  return offered
}

function* offer(
  tool: Fields,
  type: string,
  namespace: string | undefined,
  rest: Record<string, unknown>,
): Work<OfferedTool | undefined> {
  if (type !== 'function' && type !== 'custom') {
    rest[`tools[].${type}`] = true
    return undefined
  }
  const isCustom = type === 'custom'
  const name = tool.required('name', tool.text('name'))
  const about = isCustom
    ? { description: customDescription(tool), parameters: customParameters, strict: undefined }
    : {
        description: tool.text('description'),
        parameters: tool.get('parameters'),
        strict: tool.boolean('strict'),
      }
  yield* tool.keepUnread(rest)
  return { tool: compact<Tool>({ name: flatName(name, namespace), ...about }), name, namespace, isCustom }
}

const customParameters = {
  type: 'object',
  properties: { input: { type: 'string', description: 'The whole input of the tool, as plain text.' } },
  required: ['input'],
  additionalProperties: false,
}

/** No engine keeps to the grammar here, but a model can read it. */
function customDescription(tool: Fields): string | undefined {
  const description = tool.text('description')
  const format = tool.object('format')
  const definition = format?.text('definition')
  if (definition === undefined) return description
  return `${description ?? ''}\n\nThe input keeps to this ${format?.text('syntax') ?? ''} grammar:\n${definition}`
}

/** The arguments of such a function for a free text, and the free text in arguments; a model that wrote no such object wrote the text. */
export const customArguments = (input: string): string => JSON.stringify({ input })

export function customInput(json: string): string {
  try {
    const value: unknown = JSON.parse(json)
    return isObject(value) && typeof value['input'] === 'string' ? value['input'] : json
  } catch {
    return json
  }
}

/** The longest name that vendors take, and what they take in it. */
const longestName = 64
const notInNames = /[^\w-]/g

/** One name for a tool in a namespace; the same for the same pair, always. */
export function flatName(name: string, namespace: string | undefined): string {
  if (namespace === undefined) return name
  const flat = `${namespace}${namespace.endsWith('__') ? '' : '__'}${name}`.replaceAll(notInNames, '_')
  if (flat.length <= longestName) return flat
  const digest = createHash('sha256').update(flat).digest('hex').slice(0, 8)
  return `${flat.slice(0, longestName - digest.length - 1)}_${digest}`
}

/** The choice, and the tools that it leaves. A choice of a tool that is not offered is kept in `rest`. */
export function chosenTools(
  fields: Fields,
  offered: readonly OfferedTool[],
  rest: Record<string, unknown>,
): { readonly tools: readonly OfferedTool[]; readonly toolChoice: ToolChoice | undefined } {
  const choice = fields.get('tool_choice')
  if (choice === undefined || choice === 'auto' || choice === 'none' || choice === 'required')
    return { tools: offered, toolChoice: choice }
  const about = fields.object('tool_choice')
  if (about?.text('type') === 'allowed_tools') {
    const names = new Set(about.objects('tools')?.map(nameOf))
    const tools = offered.filter(({ tool }) => names.has(tool.name))
    return { tools, toolChoice: about.text('mode') === 'required' ? 'required' : 'auto' }
  }
  const name = about === undefined ? undefined : nameOf(about)
  if (name !== undefined && offered.some(({ tool }) => tool.name === name))
    return { tools: offered, toolChoice: { name } }
  rest['tool_choice'] = choice
  return { tools: offered, toolChoice: undefined }
}

function nameOf(tool: Fields): string | undefined {
  const name = tool.text('name')
  return name === undefined ? undefined : flatName(name, tool.text('namespace'))
}
