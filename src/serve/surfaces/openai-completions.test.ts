import { expect, test } from 'bun:test'
import type OpenAI from 'openai'
import { Stream } from 'openai/streaming'

import type { ModelEvent } from '../../core/event.ts'
import { JsonText } from '../../core/json.ts'
import type { AnswerFacts } from '../../core/surface.ts'
import { reported } from '../../core/usage.ts'
import { openAiCompletions } from './openai-completions.ts'

const body = { model: 'small', prompt: 'Once', stream: true, stream_options: { include_usage: true } }
const facts: AnswerFacts = {
  requestId: 'r1',
  created: 1700000000,
  request: openAiCompletions.parse(JsonText.from(body), () => undefined),
}
const logprobs = {
  tokens: [' upon'],
  token_logprobs: [-0.5],
  top_logprobs: [{ ' upon': -0.5 }],
  text_offset: [0],
}
const events: ModelEvent[] = [
  { type: 'start' },
  { type: 'reasoning', text: 'not shown here' },
  { type: 'text', text: ' upon' },
  { type: 'logprobs', logprobs },
  { type: 'text', text: ' there', choice: 1 },
  { type: 'finish', reason: 'length' },
  { type: 'finish', reason: 'stop', choice: 1 },
  { type: 'usage', usage: { input: reported(1), output: reported(2) } },
  { type: 'end' },
]
const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 }
const head = { id: 'cmpl-r1', object: 'text_completion', created: 1700000000, model: 'small' } as const

test('a streamed completion has the chunks of OpenAI, and its usage at the end', async () => {
  const writer = openAiCompletions.stream(facts)
  const text = events.map((event) => String(writer.write(event))).join('')
  const chunks: unknown[] = []
  for await (const chunk of Stream.fromSSEResponse(new Response(text), new AbortController()))
    chunks.push(chunk)
  const chunk = (index: number, part: object) => ({
    ...head,
    choices: [{ text: '', index, logprobs: null, finish_reason: null, ...part }],
    usage: null,
  })
  expect(chunks).toEqual([
    chunk(0, { text: ' upon' }),
    chunk(0, { logprobs }),
    chunk(1, { text: ' there' }),
    chunk(0, { finish_reason: 'length' }),
    chunk(1, { finish_reason: 'stop' }),
    { ...head, choices: [], usage },
  ])
  expect(text.endsWith('data: [DONE]\n\n')).toBe(true)
})

test('a completion never ends for tool calls: clients know no such reason here', () => {
  const called: ModelEvent[] = [{ type: 'finish', reason: 'tool-calls' }]
  expect(String(openAiCompletions.whole(called, facts))).toContain('"finish_reason":"stop"')
  expect(called.map((event) => String(openAiCompletions.stream(facts).write(event))).join('')).toContain(
    '"finish_reason":"stop"',
  )
})

test('a whole completion is what OpenAI answers', () => {
  const expected = {
    ...head,
    choices: [
      { text: ' upon', index: 0, logprobs, finish_reason: 'length' },
      { text: ' there', index: 1, logprobs: null, finish_reason: 'stop' },
    ],
    usage,
  } satisfies OpenAI.Completion
  expect(JSON.parse(String(openAiCompletions.whole(events, facts))) as unknown).toEqual(expected)
})
