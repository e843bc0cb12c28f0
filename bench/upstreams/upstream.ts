/** A mock that all gateways stand in front of; its name is the model that clients ask for. */
export interface Upstream {
  readonly name: string
  readonly dialect: 'openai' | 'anthropic'
  readonly stream: boolean
  /** Base URL, without `/v1`. */
  readonly url: string
}

/** Content chunks of one burst answer, all in one write. */
export const burstChunks = 200

/** Milliseconds from one chunk of a steady answer to the next: 20 a second. */
export const steadyEveryMs = 50

export const wholeText = 'Three orders are open; the oldest was placed in May and has been asked for twice.'

/** The text of each content chunk; they differ, because a gateway may take many equal ones for a model gone astray. */
export const chunkText = (at: number): string => ` word${at % 10}`

export const streamText = (chunks: number): string =>
  Array.from({ length: chunks }, (_, at) => chunkText(at)).join('')
