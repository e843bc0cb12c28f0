import { isObject } from '../../core/is-object.ts'

interface TokenLogprob {
  readonly token: unknown
  readonly logprob: unknown
  readonly bytes?: unknown
}

/** A token with its likeliest others, as Ollama lists them. */
export interface OllamaLogprob extends TokenLogprob {
  readonly top_logprobs?: readonly TokenLogprob[]
}

/** From whichever shape the upstream has: Ollama's list, the object of OpenAI's chat, the lists of its completions. */
export function ollamaLogprobs(logprobs: unknown): readonly OllamaLogprob[] {
  if (Array.isArray(logprobs)) return logprobs as readonly OllamaLogprob[]
  if (!isObject(logprobs)) return []
  if (Array.isArray(logprobs['content'])) return logprobs['content'].filter(isObject).map(fromChat)
  const { tokens, token_logprobs: values, top_logprobs: tops } = logprobs
  if (!Array.isArray(tokens) || !Array.isArray(values)) return []
  return tokens.map((token: unknown, at): OllamaLogprob => {
    const top: unknown = Array.isArray(tops) ? tops[at] : undefined
    const others = isObject(top) ? Object.entries(top) : []
    return {
      token,
      logprob: values[at],
      ...(others.length > 0 && {
        top_logprobs: others.map(([other, logprob]) => ({ token: other, logprob })),
      }),
    }
  })
}

const fromChat = ({ top_logprobs: tops, ...token }: Record<string, unknown>): OllamaLogprob => ({
  ...about(token),
  ...(Array.isArray(tops) && tops.length > 0 && { top_logprobs: tops.filter(isObject).map(about) }),
})

const about = ({ token, logprob, bytes }: Record<string, unknown>): TokenLogprob => ({
  token,
  logprob,
  ...(Array.isArray(bytes) && { bytes }),
})
