import { describe, expect, test } from 'bun:test'
import type Anthropic from '@anthropic-ai/sdk'
import * as fc from 'fast-check'

import { Failure } from '../../core/failure.ts'
import { JsonText } from '../../core/json.ts'
import type { ChatPrompt } from '../../core/request.ts'
import { atOnce, inTurns } from '../../core/turns.ts'
import { turnsDuring } from '../../testing/turns.ts'
import { anthropicCount } from './anthropic-count.ts'
import { anthropicMessages } from './anthropic-messages.ts'

const numRuns = Number(process.env['PROPERTY_RUNS'] ?? 1000)
const none = () => undefined
const ask = (fields: object) =>
  anthropicMessages.parse(
    JsonText.from({ model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'hi' }], ...fields }),
    none,
  )

function promptOf(fields: object): ChatPrompt {
  const made = atOnce(ask(fields).prompt())
  if (made.kind !== 'chat') throw new Error('not a chat')
  return made
}

/** What a list of blocks in a user’s turn is read as. */
function partsOf(...content: object[]) {
  const { messages, rest } = promptOf({ messages: [{ role: 'user', content }] })
  return { parts: messages[0]?.parts ?? [], dropped: Object.keys(rest) }
}

function failureOf(run: () => unknown): Failure | undefined {
  try {
    run()
    return undefined
  } catch (thrown) {
    if (thrown instanceof Failure) return thrown
    throw thrown
  }
}

const text = (said: string) => ({ type: 'text', text: said }) as const

describe('a Messages request', () => {
  test('is read into the neutral words, with nothing left over', () => {
    // The SDK’s types leave sampling out, which only older models take.
    const body: Anthropic.MessageCreateParams & Record<'temperature' | 'top_p' | 'top_k', number> = {
      model: 'm',
      max_tokens: 100,
      system: [
        { type: 'text', text: 'A', cache_control: { type: 'ephemeral' } },
        { type: 'text', text: 'B' },
      ],
      messages: [
        { role: 'user', content: 'hi' },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'hm', signature: 'sig' },
            { type: 'text', text: 'Look.' },
            { type: 'tool_use', id: 't1', name: 'f', input: { a: 1 } },
          ],
        },
        {
          role: 'user',
          content: [
            {
              type: 'tool_result',
              tool_use_id: 't1',
              is_error: true,
              content: [
                { type: 'text', text: 'R' },
                { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AA==' } },
              ],
            },
            { type: 'image', source: { type: 'url', url: 'https://x.test/y.png' } },
          ],
        },
      ],
      tools: [
        {
          name: 'f',
          description: 'd',
          input_schema: { type: 'object' },
          strict: true,
          cache_control: { type: 'ephemeral' },
          defer_loading: true,
        },
      ],
      tool_choice: { type: 'tool', name: 'f', disable_parallel_tool_use: true },
      temperature: 0.5,
      top_p: 0.9,
      top_k: 40,
      stop_sequences: ['X'],
      thinking: { type: 'enabled', budget_tokens: 2000 },
      output_config: { effort: 'low', format: { type: 'json_schema', schema: { type: 'object' } } },
      metadata: { user_id: 'u' },
    }
    expect(promptOf(body)).toEqual({
      kind: 'chat',
      maxOutputTokens: 100,
      messages: [
        { role: 'system', parts: [text('A\n\nB')] },
        { role: 'user', parts: [text('hi')] },
        {
          role: 'assistant',
          parts: [
            { type: 'reasoning', text: 'hm', signature: 'sig' },
            text('Look.'),
            { type: 'tool-call', id: 't1', name: 'f', input: '{"a":1}' },
          ],
        },
        {
          role: 'user',
          parts: [
            {
              type: 'tool-result',
              id: 't1',
              isError: true,
              parts: [text('R'), { type: 'image', source: { mediaType: 'image/png', data: 'AA==' } }],
            },
            { type: 'image', source: { url: 'https://x.test/y.png' } },
          ],
        },
      ],
      tools: [{ name: 'f', description: 'd', parameters: { type: 'object' }, strict: true }],
      toolChoice: { name: 'f' },
      parallelToolCalls: false,
      temperature: 0.5,
      topP: 0.9,
      topK: 40,
      stop: ['X'],
      reasoningEffort: 'low',
      reasoningBudgetTokens: 2000,
      responseFormat: { type: 'json-schema', name: 'answer', schema: { type: 'object' } },
      user: 'u',
      rest: {},
    })
  })

  test('tells at once what every step needs, and takes Anthropic’s headers along', () => {
    const headers: Record<string, string> = { 'anthropic-beta': 'a,b', 'x-other': 'c' }
    const body = JsonText.from({
      model: 'm',
      max_tokens: 7,
      stream: true,
      messages: [{ role: 'user', content: 'hi' }],
    })
    expect(anthropicMessages.parse(body, (name) => headers[name])).toMatchObject({
      operation: 'chat',
      dialect: 'anthropic-messages',
      model: 'm',
      stream: true,
      wantsUsage: true,
      maxOutputTokens: 7,
      headers: { 'anthropic-beta': 'a,b' },
    })
    expect(anthropicCount.parse(body, none)).toMatchObject({
      operation: 'count',
      dialect: 'anthropic-count',
      stream: false,
      maxOutputTokens: undefined,
    })
  })

  test.each([
    [{ model: '' }, 'model'],
    [{ messages: 'hi' }, 'messages'],
    [{ stream: 1 }, 'stream'],
    [{ max_tokens: -1 }, 'max_tokens'],
    [{ messages: [{ role: 'tool', content: 'x' }] }, 'messages[0].role'],
    [{ messages: [{ role: 'user', content: 7 }] }, 'messages[0].content'],
    [{ messages: [{ role: 'user', content: [{ text: 'x' }] }] }, 'messages[0].content[0].type'],
    [
      { messages: [{ role: 'user', content: [{ type: 'tool_use', name: 'f' }] }] },
      'messages[0].content[0].id',
    ],
    [{ system: [{ type: 'image', source: { type: 'url', url: 'u' } }] }, 'system'],
    [{ tools: [{ type: 'custom' }] }, 'tools[0].name'],
    [{ tool_choice: { type: 'perhaps' } }, 'tool_choice.type'],
    [{ output_config: { format: { type: 'xml' } } }, 'output_config.format.type'],
    [{ stop_sequences: [1] }, 'stop_sequences'],
  ])('says which field is at fault: %j', (fields, param) => {
    const failure = failureOf(() => promptOf(fields))
    expect([failure?.code, failure?.facts.param]).toEqual(['bad_request', param])
  })

  test('of any JSON at all is read or refused, never broken on', () => {
    const word = fc.constantFrom(
      ...'user assistant system text image tool_use tool_result thinking document url base64 content enabled'.split(
        ' ',
      ),
    )
    const any = fc.oneof(word, fc.jsonValue({ maxDepth: 1 }))
    const innerKeys =
      'role content type text source id name input tool_use_id thinking data url title budget_tokens'
    const inner = fc.dictionary(fc.constantFrom(...innerKeys.split(' ')), any, { maxKeys: 5 })
    const block = fc.record({ type: word, source: inner, content: fc.oneof(any, fc.array(inner)), text: any })
    const turn = fc.record({ role: word, content: fc.oneof(any, fc.array(fc.oneof(inner, block))) })
    const keys = 'system tools tool_choice thinking output_config stop_sequences metadata top_k x'.split(' ')
    const fields = fc.dictionary(fc.constantFrom(...keys), fc.oneof(any, inner, fc.array(inner)))
    fc.assert(
      fc.property(fields, fc.array(turn, { maxLength: 3 }), (others, messages) => {
        const failure = failureOf(() => promptOf({ ...others, messages }))
        if (failure === undefined) return
        expect(failure.code).toBe('bad_request')
        expect(failure.facts.param).toBeString()
      }),
      { numRuns },
    )
  })

  test('that is large is read in turns, and means the same', async () => {
    const content = Array.from({ length: 4000 }, (_, at) => text(`${at} ${'word '.repeat(20)}`))
    const messages = [{ role: 'user', content }]
    const turns = await turnsDuring(inTurns(ask({ messages }).prompt()))
    expect(turns).toBeGreaterThan(2)
    expect(promptOf({ messages }).messages).toEqual([{ role: 'user', parts: content }])
  })
})

describe('the turns', () => {
  test('of one role that follow each other are one turn', () => {
    const { messages } = promptOf({
      messages: [
        { role: 'user', content: 'a' },
        { role: 'user', content: 'b' },
        { role: 'assistant', content: 'c' },
      ],
    })
    expect(messages).toEqual([
      { role: 'user', parts: [text('a'), text('b')] },
      { role: 'assistant', parts: [text('c')] },
    ])
  })

  test('keep a system message in its place, inside the user’s turn', () => {
    const { messages } = promptOf({
      system: 'S',
      messages: [
        { role: 'user', content: 'a' },
        { role: 'assistant', content: 'b' },
        { role: 'system', content: [text('now'), text('this')] },
        { role: 'user', content: 'c' },
      ],
    })
    expect(messages).toEqual([
      { role: 'system', parts: [text('S')] },
      { role: 'user', parts: [text('a')] },
      { role: 'assistant', parts: [text('b')] },
      { role: 'user', parts: [text('\n<system-reminder>\nnow\n\nthis\n</system-reminder>\n'), text('c')] },
    ])
  })
})

describe('a block', () => {
  test('of hidden thought is left out and told: only who thought it can read it', () => {
    expect(partsOf({ type: 'redacted_thinking', data: 'x' }, text('a'))).toEqual({
      parts: [text('a')],
      dropped: ['messages[].content[].redacted_thinking'],
    })
  })

  test('of thought that nobody signed has no signature', () => {
    const { parts } = partsOf({ type: 'thinking', thinking: 'hm', signature: '' })
    expect(parts).toEqual([{ type: 'reasoning', text: 'hm' }])
  })

  test('that points to a tool is the tool’s name: all tools are in the prompt', () => {
    const found = { type: 'tool_reference', tool_name: 'f' }
    const { parts, dropped } = partsOf({ type: 'tool_result', tool_use_id: 't', content: [found] })
    expect(parts).toEqual([{ type: 'tool-result', id: 't', parts: [text('f')] }])
    expect(dropped).toEqual([])
  })

  test('of a document that is text is text, with what is said about it', () => {
    const said = partsOf({
      type: 'document',
      title: 'Report',
      source: { type: 'text', media_type: 'text/plain', data: 'Sales rose.' },
      citations: { enabled: true },
    })
    expect(said.parts.map((part) => part.type === 'text' && part.text).join('')).toBe(
      'Report\nSales rose.\n\n',
    )
    expect(said.dropped).toEqual(['messages[].content[].citations'])
  })

  test.each([
    { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'AA==' } },
    { type: 'image', source: { type: 'file', file_id: 'f' } },
    { type: 'web_search_tool_result', tool_use_id: 's', content: [] },
  ])('that only Anthropic can read stays as it is: %j', (value) => {
    const { parts } = partsOf(value)
    expect(parts).toEqual([{ type: 'opaque', dialect: 'anthropic-messages', value }])
  })
})

describe('what has no counterpart', () => {
  test('is named: tools of Anthropic’s own, and a choice of one', () => {
    const { tools, toolChoice, rest } = promptOf({
      tools: [
        { type: 'web_search_20260318', name: 'web_search' },
        { name: 'f', input_schema: {} },
      ],
      tool_choice: { type: 'tool', name: 'web_search' },
      context_management: { edits: [] },
      output_config: { effort: 'max', task_budget: 1 },
    })
    expect(tools?.map(({ name }) => name)).toEqual(['f'])
    expect(toolChoice).toBeUndefined()
    expect(Object.keys(rest).toSorted()).toEqual([
      'context_management',
      'output_config.effort',
      'output_config.task_budget',
      'tool_choice',
      'tools[].web_search_20260318',
    ])
  })

  test.each([
    [{ thinking: { type: 'adaptive' } }, undefined],
    [{ thinking: { type: 'disabled' } }, 'none'],
    [{ thinking: { type: 'adaptive' }, output_config: { effort: 'high' } }, 'high'],
    [{ output_config: { effort: 'xhigh' } }, 'high'],
  ])('%j asks for the effort %p', (fields, effort) => {
    expect(promptOf(fields).reasoningEffort).toBe(effort)
  })
})
