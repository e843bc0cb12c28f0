import type {
  Response,
  ResponseFunctionToolCall,
  ResponseOutputMessage,
  ResponseReasoningItem,
  ResponseStreamEvent,
} from 'openai/resources/responses/responses'

import type { VendorStream } from './vendor-streams.ts'

const source = 'https://platform.openai.com/docs/api-reference/responses-streaming'

const usage = {
  input_tokens: 1117,
  input_tokens_details: { cached_tokens: 1024, cache_write_tokens: 12 },
  output_tokens: 46,
  output_tokens_details: { reasoning_tokens: 40 },
  total_tokens: 1163,
} satisfies Response['usage']

/** `output_text` is the SDK's own. */
type RawResponse = Omit<Response, 'output_text'>

const response = {
  id: 'resp_01',
  object: 'response',
  created_at: 1_790_000_000,
  status: 'in_progress',
  background: false,
  error: null,
  incomplete_details: null,
  instructions: null,
  max_output_tokens: null,
  metadata: {},
  model: 'gpt-5.2',
  output: [],
  parallel_tool_calls: true,
  previous_response_id: null,
  reasoning: { effort: 'medium', summary: 'auto' },
  service_tier: 'auto',
  temperature: 1,
  text: { format: { type: 'text' }, verbosity: 'medium' },
  tool_choice: 'auto',
  tools: [],
  top_p: 1,
  truncation: 'disabled',
} satisfies RawResponse

const thought = {
  id: 'rs_01',
  type: 'reasoning',
  summary: [
    { type: 'summary_text', text: '**Weather** first.' },
    { type: 'summary_text', text: 'Then the time.' },
  ],
  encrypted_content: 'gAAAAABo',
} satisfies ResponseReasoningItem

const sentence = { type: 'output_text' as const, text: 'Let me sée.', annotations: [], logprobs: [] }

const said = {
  id: 'msg_01',
  type: 'message',
  role: 'assistant',
  status: 'completed',
  content: [sentence],
} satisfies ResponseOutputMessage

const call = (index: number, name: string, input: string) =>
  ({
    id: `fc_0${index}`,
    type: 'function_call',
    status: 'completed',
    call_id: `call_0${index}`,
    name,
    arguments: input,
  }) satisfies ResponseFunctionToolCall

const weather = call(1, 'get_weather', '{"city":"Köln"}')
const time = call(2, 'get_time', '{}')

type Event = ResponseStreamEvent extends infer E
  ? E extends ResponseStreamEvent
    ? Omit<E, 'sequence_number' | 'response'> &
        (E extends { response: Response } ? { response: RawResponse } : unknown)
    : never
  : never

const summary = (text: string, at: number): Event[] => {
  const place = { item_id: 'rs_01', output_index: 0, summary_index: at }
  const part = { type: 'summary_text' as const, text }
  return [
    { type: 'response.reasoning_summary_part.added', ...place, part: { ...part, text: '' } },
    { type: 'response.reasoning_summary_text.delta', ...place, delta: text.slice(0, 5) },
    { type: 'response.reasoning_summary_text.delta', ...place, delta: text.slice(5) },
    { type: 'response.reasoning_summary_text.done', ...place, text },
    { type: 'response.reasoning_summary_part.done', ...place, part },
  ]
}

const called = (item: ResponseFunctionToolCall & { readonly id: string }, index: number): Event[] => {
  const place = { item_id: item.id, output_index: index }
  return [
    {
      type: 'response.output_item.added',
      output_index: index,
      item: { ...item, arguments: '', status: 'in_progress' },
    },
    ...(item.arguments.match(/.{1,7}/gu) ?? []).map((delta): Event => ({
      type: 'response.function_call_arguments.delta',
      ...place,
      delta,
    })),
    {
      type: 'response.function_call_arguments.done',
      ...place,
      name: item.name,
      arguments: item.arguments,
    },
    { type: 'response.output_item.done', output_index: index, item },
  ]
}

const text = { item_id: 'msg_01', output_index: 1, content_index: 0 }

const begun: Event[] = [
  { type: 'response.created', response },
  { type: 'response.in_progress', response },
]

const tools: Event[] = [
  ...begun,
  { type: 'response.output_item.added', output_index: 0, item: { ...thought, summary: [] } },
  ...thought.summary.flatMap(({ text: part }, at) => summary(part, at)),
  { type: 'response.output_item.done', output_index: 0, item: thought },
  {
    type: 'response.output_item.added',
    output_index: 1,
    item: { ...said, status: 'in_progress', content: [] },
  },
  { type: 'response.content_part.added', ...text, part: { type: 'output_text', text: '', annotations: [] } },
  { type: 'response.output_text.delta', ...text, delta: 'Let me', logprobs: [] },
  { type: 'response.output_text.delta', ...text, delta: ' sée.', logprobs: [] },
  { type: 'response.output_text.done', ...text, text: 'Let me sée.', logprobs: [] },
  { type: 'response.content_part.done', ...text, part: sentence },
  { type: 'response.output_item.done', output_index: 1, item: said },
  ...called(weather, 2),
  ...called(time, 3),
  {
    type: 'response.completed',
    response: {
      ...response,
      status: 'completed',
      service_tier: 'default',
      output: [thought, said, weather, time],
      usage,
    },
  },
]

const failed: Event[] = [
  ...begun,
  {
    type: 'response.failed',
    response: {
      ...response,
      status: 'failed',
      error: { code: 'rate_limit_exceeded', message: 'Rate limit reached. Please try again in 1s.' },
    },
  },
]

const cut = {
  ...response,
  id: 'resp_02',
  status: 'incomplete',
  incomplete_details: { reason: 'max_output_tokens' },
  output: [thought, said],
  usage,
} satisfies RawResponse

const refused = {
  ...response,
  id: 'resp_03',
  status: 'completed',
  output: [
    {
      id: 'msg_03',
      type: 'message',
      role: 'assistant',
      status: 'completed',
      content: [{ type: 'refusal', refusal: 'I can’t help with that.' }],
    },
  ],
  usage,
} satisfies RawResponse

const lines = (events: readonly Event[]): string =>
  events
    .map(
      (event, at) => `event: ${event.type}\ndata: ${JSON.stringify({ ...event, sequence_number: at })}\n\n`,
    )
    .join('')

/** OpenAI's Responses. */
export const responsesStreams: readonly VendorStream[] = [
  { file: 'openai/responses-tools.sse', source, text: lines(tools) },
  { file: 'openai/responses-failed.sse', source, text: lines(failed) },
  {
    file: 'openai/responses-cut.json',
    source: 'https://platform.openai.com/docs/api-reference/responses/object',
    text: JSON.stringify(cut, undefined, 2),
  },
  {
    file: 'openai/responses-refusal.json',
    source: 'https://platform.openai.com/docs/guides/structured-outputs#refusals',
    text: JSON.stringify(refused, undefined, 2),
  },
]
