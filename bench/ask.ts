/** One request, ready to be sent as often as wanted. */
export interface Ask {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const sentence = 'The report of the third quarter lists what was ordered, what came, and what is still open. '

/** 900 bytes of plain English. */
export const prompt = sentence.repeat(Math.ceil(900 / sentence.length)).slice(0, 900)

/** An OpenAI chat request for a model, streamed when the model's mock upstream streams. */
export const chatBody = (model: string, stream: boolean): string =>
  JSON.stringify({
    model,
    messages: [{ role: 'user', content: prompt }],
    max_tokens: 4000,
    ...(stream && { stream }),
  })

/** Sends it once and gives the text of the answer, streamed or whole. Throws with the status when it is not answered. */
export async function answerOf({ url, headers, body }: Ask): Promise<string> {
  const reply = await fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(20_000) })
  const text = await reply.text()
  if (!reply.ok) throw new Error(`answered ${reply.status}: ${text.slice(0, 120)}`)
  if (!text.includes('data:')) return contentOf(JSON.parse(text))
  const data = text.split('\n').filter((line) => line.startsWith('data: {'))
  return data.map((line) => contentOf(JSON.parse(line.slice(6)))).join('')
}

function contentOf(value: unknown): string {
  const { choices = [] } = value as {
    choices?: { delta?: { content?: string | null }; message?: { content?: string } }[]
  }
  return choices.map(({ delta, message }) => (delta ?? message)?.content ?? '').join('')
}
