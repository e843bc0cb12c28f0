/** A token as Ollama tells it, with its likeliest others. */
export interface OllamaLogprob {
  readonly token: string
  readonly logprob: number
  readonly bytes?: readonly number[]
  readonly top_logprobs?: readonly OllamaLogprob[]
}

/** As OpenAI's chat has them. */
export const chatLogprobs = (logprobs: readonly OllamaLogprob[]) => ({
  content: logprobs.map((one) => ({ ...about(one), top_logprobs: (one.top_logprobs ?? []).map(about) })),
})

const about = ({ token, logprob, bytes }: OllamaLogprob) => ({ token, logprob, bytes: bytes ?? null })

/** As OpenAI's completions have them: lists, and where each token begins in the text. One per answer. */
export class CompletionLogprobs {
  #offset = 0

  of(logprobs: readonly OllamaLogprob[]) {
    return {
      tokens: logprobs.map(({ token }) => token),
      token_logprobs: logprobs.map(({ logprob }) => logprob),
      top_logprobs: logprobs.map(({ top_logprobs: tops = [] }) =>
        Object.fromEntries(tops.map(({ token, logprob }) => [token, logprob])),
      ),
      text_offset: logprobs.map(({ token }) => {
        const at = this.#offset
        this.#offset += token.length
        return at
      }),
    }
  }
}
