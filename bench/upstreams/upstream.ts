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

export const chunkText = ' word'
