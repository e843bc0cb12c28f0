/** What cannot be, pair by pair: each with the words of those who make it so. The contract suite skips these and no others. */
export interface Gap {
  /** Id of a surface; left out: of all. */
  readonly surface?: string
  /** Id of an upstream; left out: of all. */
  readonly backend?: string
  readonly case: string
  /** Streamed or whole; left out: both. */
  readonly form?: 'stream' | 'whole'
  readonly why: string
  /** Where its maker says so. */
  readonly source: string
}

export const contractGaps: readonly Gap[] = [
  {
    surface: 'ollama-chat',
    case: 'tool-choice',
    why: 'a request to Ollama has no field that demands a call',
    source: 'https://docs.ollama.com/api/chat',
  },
  {
    surface: 'ollama-chat',
    case: 'refusal',
    why: 'an answer of Ollama ends with `stop`, `length`, `load` or `unload`; its words are the client’s to read',
    source: 'https://docs.ollama.com/api/chat',
  },
  {
    backend: 'ollama',
    case: 'refusal',
    why: 'an answer of Ollama ends with `stop`, `length`, `load` or `unload`: its words are an answer like any other',
    source: 'https://docs.ollama.com/api/chat',
  },
  {
    surface: 'openai-responses',
    case: 'stop',
    why: 'a request for a response has no field for stop sequences',
    source: 'https://platform.openai.com/docs/api-reference/responses/create',
  },
  {
    backend: 'openai (responses)',
    case: 'stop',
    why: 'a request for a response has no field for stop sequences; the client is told in `x-inhouse-warning`',
    source: 'https://platform.openai.com/docs/api-reference/responses/create',
  },
]

export const gapOf = (
  surface: string,
  backend: string,
  id: string,
  form: 'stream' | 'whole',
): Gap | undefined =>
  contractGaps.find(
    (gap) =>
      gap.case === id &&
      (gap.surface ?? surface) === surface &&
      (gap.backend ?? backend) === backend &&
      (gap.form ?? form) === form,
  )
