import type { ChatResponse, ErrorResponse, Message } from 'ollama'

import type { VendorStream } from './vendor-streams.ts'

const source = 'https://docs.ollama.com/api/chat'

type Line = Omit<ChatResponse, 'created_at' | 'message' | keyof typeof figures | 'done_reason'> & {
  readonly created_at: string
  readonly message: Message
  readonly done_reason?: string
  readonly remote_model?: string
  readonly remote_host?: string
} & Partial<typeof figures>

/** A second of which a tenth was spent loading, two waiting, three with the prompt. */
const figures = {
  total_duration: 1_000_000_000,
  load_duration: 100_000_000,
  prompt_eval_count: 21,
  prompt_eval_duration: 300_000_000,
  eval_count: 34,
  eval_duration: 400_000_000,
}

const says = (message: Omit<Message, 'role'>): Line => ({
  model: 'qwen3',
  created_at: '2026-11-21T10:00:00.123456789Z',
  message: { role: 'assistant', ...message },
  done: false,
})

const ends = (reason: string, more: Partial<Line> = {}): Line => ({
  ...says({ content: '' }),
  done: true,
  done_reason: reason,
  ...figures,
  ...more,
})

/** Calls without ids, as versions before 0.12 give them. */
const thinkingTools = [
  says({ content: '', thinking: 'The user wants' }),
  says({ content: '', thinking: ' both.' }),
  says({ content: 'Let me sée.' }),
  says({
    content: '',
    tool_calls: [{ function: { name: 'get_weather', arguments: { city: 'Köln' } } }],
  }),
  says({ content: '', tool_calls: [{ function: { name: 'get_time', arguments: {} } }] }),
  ends('stop'),
] satisfies Line[]

const cloud = [
  { ...says({ content: 'Far away.' }), remote_model: 'gpt-oss:120b', remote_host: 'https://ollama.com:443' },
  ends('stop', { remote_model: 'gpt-oss:120b', remote_host: 'https://ollama.com:443' }),
] satisfies Line[]

const breaks = [says({ content: 'Once' }), { error: 'model runner has unexpectedly stopped' }] satisfies (
  | Line
  | ErrorResponse
)[]

const lines = (values: readonly object[]): string =>
  values.map((value) => `${JSON.stringify(value)}\n`).join('')

/** What the small model of the recorded streams does not do. */
export const ollamaStreams: readonly VendorStream[] = [
  { file: 'ollama/thinking-tools.ndjson', source, text: lines(thinkingTools) },
  { file: 'ollama/cloud.ndjson', source: 'https://docs.ollama.com/cloud', text: lines(cloud) },
  { file: 'ollama/error.ndjson', source: 'https://docs.ollama.com/api/errors', text: lines(breaks) },
]
