import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'

import { Failure } from '../../core/failure.ts'
import { JsonText } from '../../core/json.ts'
import type { ChatPrompt } from '../../core/request.ts'
import { atOnce, inTurns } from '../../core/turns.ts'
import { openAiResponses } from './openai-responses.ts'
import { customArguments, customInput, flatName } from './openai-responses-tools.ts'

const numRuns = Number(process.env['PROPERTY_RUNS'] ?? 1000)

const parse = (fields: Record<string, unknown>) =>
  openAiResponses.parse(JsonText.from({ model: 'm', input: 'hi', ...fields }), () => undefined)

function promptOf(fields: Record<string, unknown>): ChatPrompt {
  const prompt = atOnce(parse(fields).prompt())
  if (prompt.kind !== 'chat') throw new Error('no chat')
  return prompt
}

function paramOf(fields: Record<string, unknown>): string | undefined {
  try {
    promptOf(fields)
    return undefined
  } catch (thrown) {
    if (!(thrown instanceof Failure)) throw thrown
    expect(thrown.code).toBe('bad_request')
    return thrown.facts.param
  }
}

const text = (words: string) => ({ type: 'text', text: words }) as const

describe('the input of a response', () => {
  test('is a text, after the instructions', () => {
    expect(promptOf({ instructions: 'Be kind.', input: 'Hello' }).messages).toEqual([
      { role: 'system', parts: [text('Be kind.')] },
      { role: 'user', parts: [text('Hello')] },
    ])
    expect(promptOf({ instructions: '' }).messages).toHaveLength(1)
  })

  test('is a list of items: thoughts, words and calls of one answer are one turn, as are their results', () => {
    const input = [
      { role: 'developer', content: 'Be brief.' },
      {
        role: 'user',
        content: [
          { type: 'input_text', text: 'Look:' },
          { type: 'input_image', image_url: 'data:image/png;base64,AAAA', detail: 'low' },
        ],
      },
      { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'Hm.' }] },
      {
        type: 'message',
        id: 'msg_1',
        role: 'assistant',
        status: 'completed',
        phase: 'commentary',
        content: [{ type: 'output_text', text: 'Wait.', annotations: [], logprobs: [] }],
      },
      { type: 'function_call', id: 'fc_1', call_id: 'a', name: 'f', arguments: '{}', status: 'completed' },
      { type: 'custom_tool_call', id: 'ctc_1', call_id: 'b', name: 'patch', input: 'x\n' },
      { type: 'function_call', call_id: 'c', name: 'read', namespace: 'mcp__files', arguments: '{"p":1}' },
      { type: 'function_call_output', call_id: 'a', output: 'sunny' },
      {
        type: 'custom_tool_call_output',
        call_id: 'b',
        output: [
          { type: 'input_text', text: 'done' },
          { type: 'input_image', image_url: 'https://example.org/a.png' },
        ],
      },
      { type: 'message', role: 'user', content: 'And?' },
    ]
    const prompt = promptOf({ input })
    expect(prompt.rest).toEqual({})
    expect(prompt.messages).toEqual([
      { role: 'system', parts: [text('Be brief.')] },
      {
        role: 'user',
        parts: [
          text('Look:'),
          { type: 'image', source: { mediaType: 'image/png', data: 'AAAA' }, detail: 'low' },
        ],
      },
      {
        role: 'assistant',
        parts: [
          { type: 'reasoning', text: 'Hm.' },
          text('Wait.'),
          { type: 'tool-call', id: 'a', name: 'f', input: '{}' },
          { type: 'tool-call', id: 'b', name: 'patch', input: '{"input":"x\\n"}' },
          { type: 'tool-call', id: 'c', name: 'mcp__files__read', input: '{"p":1}' },
        ],
      },
      {
        role: 'user',
        parts: [
          { type: 'tool-result', id: 'a', parts: [text('sunny')] },
          {
            type: 'tool-result',
            id: 'b',
            parts: [text('done'), { type: 'image', source: { url: 'https://example.org/a.png' } }],
          },
        ],
      },
      { role: 'user', parts: [text('And?')] },
    ])
  })

  test('keeps two answers in a row apart', () => {
    const input = ['One.', 'Two.'].map((content) => ({ role: 'assistant', content }))
    expect(promptOf({ input }).messages).toHaveLength(2)
  })

  test('that names what only its origin runs or keeps is told, or refused where it would be missed', () => {
    const sealed = { type: 'reasoning', summary: [], encrypted_content: 'gAAAA' }
    const search = { type: 'web_search_call', id: 'ws_1' }
    expect(promptOf({ input: [sealed, search, { role: 'user', content: 'hi' }] })).toMatchObject({
      rest: { 'input[].encrypted_content': true, 'input[].web_search_call': true },
      messages: [{ role: 'user' }],
    })
    expect(paramOf({ input: [{ type: 'item_reference', id: 'msg_1' }] })).toBe('input[0].id')
    expect(paramOf({ input: [{ id: 'msg_1' }] })).toBe('input[0].id')
    expect(paramOf({ prompt: { id: 'p' } })).toBe('prompt')
    expect(paramOf({ conversation: 'conv_1' })).toBe('conversation')
    const compaction = { type: 'compaction', encrypted_content: 'x' }
    expect(promptOf({ input: [compaction] }).messages[0]?.parts).toEqual([
      { type: 'opaque', dialect: 'openai-responses', value: compaction },
    ])
  })

  test('that is wrong is refused by the name of what is wrong', () => {
    const cases: [Record<string, unknown>, string][] = [
      [{ input: null }, 'input'],
      [{ input: 5 }, 'input'],
      [{ input: [{ role: 'nobody', content: 'x' }] }, 'input[0].role'],
      [{ input: [{ role: 'user', content: 5 }] }, 'input[0].content'],
      [{ input: [{ role: 'user', content: [{ type: 'input_text' }] }] }, 'input[0].content[0].text'],
      [{ input: [{ type: 'function_call', name: 'f' }] }, 'input[0].call_id'],
      [{ tools: [{ type: 'function' }] }, 'tools[0].name'],
      [{ max_output_tokens: 0 }, 'max_output_tokens'],
      [{ text: 5 }, 'text'],
    ]
    for (const [fields, param] of cases) expect(paramOf(fields)).toBe(param)
  })
})

describe('the tools of a response', () => {
  const tools = [
    { type: 'function', name: 'f', description: 'F', parameters: { type: 'object' }, strict: true },
    {
      type: 'custom',
      name: 'patch',
      description: 'Patches.',
      format: { type: 'grammar', syntax: 'lark', definition: 'start: x' },
    },
    {
      type: 'namespace',
      name: 'mcp__files',
      description: 'Files',
      tools: [{ type: 'function', name: 'read' }],
    },
    { type: 'web_search' },
  ]

  test('are functions; what the origin runs itself is left out and told', () => {
    const prompt = promptOf({ tools })
    expect(prompt.tools).toMatchObject([
      { name: 'f', description: 'F', parameters: { type: 'object' }, strict: true },
      { name: 'patch', parameters: { required: ['input'] } },
      { name: 'mcp__files__read' },
    ])
    expect(prompt.tools?.[1]?.description).toBe('Patches.\n\nThe input keeps to this lark grammar:\nstart: x')
    expect(Object.keys(prompt.rest)).toEqual(['tools[].description', 'tools[].web_search'])
  })

  test('can be chosen by name, or narrowed to some', () => {
    expect(promptOf({ tools, tool_choice: { type: 'function', name: 'f' } }).toolChoice).toEqual({
      name: 'f',
    })
    expect(promptOf({ tools, tool_choice: { type: 'custom', name: 'patch' } }).toolChoice).toEqual({
      name: 'patch',
    })
    const allowed = { type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name: 'f' }] }
    const prompt = promptOf({ tools, tool_choice: allowed })
    expect(prompt.toolChoice).toBe('required')
    expect(prompt.tools?.map(({ name }) => name)).toEqual(['f'])
    expect(promptOf({ tools, tool_choice: { type: 'web_search' } }).rest).toHaveProperty('tool_choice')
  })

  test('of a namespace have a name that vendors take, the same each time and for no other tool', () => {
    const name = fc.string({ minLength: 1 })
    fc.assert(
      fc.property(name, name, (namespace, tool) => {
        expect(flatName(tool, namespace)).toMatch(/^[\w-]{1,64}$/)
        expect(flatName(tool, namespace)).toBe(flatName(tool, namespace))
      }),
      { numRuns },
    )
    const long = 'x'.repeat(80)
    expect(flatName('a', long)).not.toBe(flatName('b', long))
  })

  test('that take free text give it back whatever it is', () => {
    fc.assert(
      fc.property(fc.string(), (input) => {
        expect(customInput(customArguments(input))).toBe(input)
      }),
      { numRuns },
    )
    expect(customInput('not JSON')).toBe('not JSON')
  })
})

test('the rest of a request is in the neutral words, and what they have none for is told', () => {
  const prompt = promptOf({
    max_output_tokens: 20,
    temperature: 0.5,
    top_p: 0.9,
    presence_penalty: 1,
    frequency_penalty: 2,
    top_logprobs: 3,
    parallel_tool_calls: false,
    reasoning: { effort: 'high', summary: 'auto' },
    text: {
      format: { type: 'json_schema', name: 'n', schema: { type: 'object' }, strict: true },
      verbosity: 'low',
    },
    include: ['reasoning.encrypted_content', 'file_search_call.results'],
    safety_identifier: 'ann',
    truncation: 'auto',
    service_tier: 'flex',
    store: false,
    stream: true,
    metadata: {},
    previous_response_id: 'resp_1',
    prompt_cache_key: 'k',
    client_metadata: {},
    odd: 1,
  })
  expect(prompt).toMatchObject({
    maxOutputTokens: 20,
    temperature: 0.5,
    topP: 0.9,
    presencePenalty: 1,
    frequencyPenalty: 2,
    logprobs: true,
    topLogprobs: 3,
    parallelToolCalls: false,
    reasoningEffort: 'high',
    responseFormat: { type: 'json-schema', name: 'n', schema: { type: 'object' }, strict: true },
    user: 'ann',
  })
  expect(prompt.rest).toEqual({
    'text.verbosity': 'low',
    include: ['file_search_call.results'],
    truncation: 'auto',
    service_tier: 'flex',
    odd: 1,
  })
  expect(promptOf({ text: { format: { type: 'json_object' } } }).responseFormat).toEqual({ type: 'json' })
  // What the AI SDK sends for JSON without a schema.
  expect(promptOf({ text: { format: { type: 'json_schema' } } }).responseFormat).toEqual({ type: 'json' })
})

const any = fc.oneof(fc.jsonValue(), fc.constantFrom(null, 'auto', 'x', 1, true))
const kinds = [
  'message',
  'function_call',
  'custom_tool_call',
  'function_call_output',
  'reasoning',
  'item_reference',
  'compaction',
  'web_search_call',
]
const part = fc.record(
  {
    type: fc.constantFrom('input_text', 'output_text', 'refusal', 'input_image', 'input_file'),
    text: any,
    refusal: any,
    image_url: any,
  },
  { requiredKeys: [] },
)
const content = fc.oneof(fc.string(), fc.array(part), any)
const item = fc.record(
  {
    type: fc.oneof(fc.constantFrom(...kinds), any),
    role: fc.constantFrom('user', 'assistant', 'system', 'tool'),
    content,
    output: content,
    summary: content,
    encrypted_content: fc.oneof(fc.string(), fc.constant('ih1.e30'), any),
    call_id: any,
    name: any,
    namespace: any,
    arguments: any,
    input: any,
  },
  { requiredKeys: [] },
)
const tool = fc.record(
  {
    type: fc.constantFrom('function', 'custom', 'namespace', 'web_search'),
    name: any,
    tools: any,
    format: any,
    strict: any,
  },
  { requiredKeys: [] },
)
const bodies = fc.record(
  {
    input: fc.oneof(fc.array(item), any),
    instructions: any,
    tools: fc.oneof(fc.array(tool), any),
    tool_choice: any,
    text: any,
    reasoning: any,
    include: any,
    top_logprobs: any,
    service_tier: any,
    odd: any,
  },
  { requiredKeys: [] },
)

describe('any body at all', () => {
  test('is read or refused, and answered in the dialect, never broken on', () => {
    fc.assert(
      fc.property(bodies, (fields) => {
        const body = JsonText.from({ model: 'm', input: 'hi', ...fields })
        try {
          const request = openAiResponses.parse(body, () => undefined)
          const facts = { requestId: 'req_1', created: 1, request }
          expect(() => JSON.parse(String(openAiResponses.whole([], facts)))).not.toThrow()
          atOnce(request.prompt())
        } catch (thrown) {
          if (!(thrown instanceof Failure)) throw thrown
          expect(thrown.code).toBe('bad_request')
          expect(thrown.facts.param).toBeString()
        }
      }),
      { numRuns },
    )
  })

  test('says in slices what it says when it is read whole', async () => {
    const reading = async (read: () => unknown): Promise<unknown> => {
      try {
        return await read()
      } catch (thrown) {
        if (!(thrown instanceof Failure)) throw thrown
        return { code: thrown.code, ...thrown.facts }
      }
    }
    await fc.assert(
      fc.asyncProperty(bodies, async (fields) => {
        const bytes = new TextEncoder().encode(JSON.stringify({ model: 'm', ...fields }))
        const read = (body: JsonText) => openAiResponses.parse(body, () => undefined).prompt()
        const whole = await reading(() => atOnce(read(JsonText.parse(bytes))))
        const sliced = await reading(async () => inTurns(read(await inTurns(JsonText.scanned(bytes), 0)), 0))
        expect(sliced).toEqual(whole)
      }),
      { numRuns: Math.ceil(numRuns / 4) },
    )
  })
})
