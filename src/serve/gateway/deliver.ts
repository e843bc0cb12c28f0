import type { Frame, ModelEvent } from '../../core/event.ts'
import { Failure, asFailure } from '../../core/failure.ts'
import type { ModelRequest } from '../../core/request.ts'
import { answerTooLarge } from '../../core/send.ts'
import type { AnswerFacts, StreamWriter, Surface } from '../../core/surface.ts'
import { speaks, type Answer } from './attempt.ts'
import type { RequestScope } from './scope.ts'
import type { GatewaySettings } from './settings.ts'

type Chunk = Uint8Array | string

/** What delivering needs to know of one request. */
export interface Delivery {
  readonly request: ModelRequest
  readonly surface: Surface
  readonly scope: RequestScope
  readonly facts: AnswerFacts
  readonly settings: GatewaySettings
}

/** A whole answer. Same dialect and asked whole: the bytes as they came; otherwise a fold of the events. */
export async function wholeAnswer(answer: Answer, delivery: Delivery): Promise<Chunk> {
  const { scope, surface, facts } = delivery
  see(answer.first, scope)
  const frames = answer.isStream ? await allOf(answer, delivery) : answer.first
  const { failure } = scope.tap
  if (failure !== undefined) throw failure
  if (!answer.isStream && isFaithful(answer, surface)) return joined(frames)
  return surface.whole(
    frames.flatMap((frame) => frame.events().filter((event) => isTold(event, answer, surface))),
    facts,
  )
}

/** A stream that is asked for whole is kept until its end, so it has the limit of whole answers. */
async function allOf(answer: Answer, { scope, settings }: Delivery): Promise<Frame[]> {
  const frames = [...answer.first]
  let bytes = sizeOf(frames)
  for (let more = await answer.more(); more !== undefined; more = await answer.more()) {
    see(more, scope)
    bytes += sizeOf(more)
    if (bytes > settings.maxAnswerBytes) throw answerTooLarge(settings.maxAnswerBytes)
    frames.push(...more)
  }
  return frames
}

const sizeOf = (frames: readonly Frame[]): number => frames.reduce((sum, { bytes }) => sum + bytes.length, 0)

/**
 * A streamed answer, pulled by the client: a slow client slows the upstream, it does not fill our memory. While nothing
 * comes, heartbeats go out. A failure becomes the dialect's in-stream error; the status is gone by then.
 */
export const streamedAnswer = (
  answering: Promise<Answer> | Answer,
  delivery: Delivery,
): ReadableStream<Uint8Array> => new ReadableStream(new Outflow(answering, delivery))

type Controller = ReadableStreamDefaultController<Uint8Array>

/** The bytes of a streamed answer, in order. Ends the scope when the last are handed out. */
class Outflow {
  readonly #delivery: Delivery
  readonly #heartbeat: Uint8Array
  #answering: Promise<Answer> | Answer
  #timer: ReturnType<typeof setInterval> | undefined
  #writer: StreamWriter | undefined
  #begun = false
  /** Something went out since the last beat. */
  #moved = false
  #isOver = false

  constructor(answering: Promise<Answer> | Answer, delivery: Delivery) {
    this.#answering = answering
    this.#delivery = delivery
    this.#heartbeat = encoder.encode(delivery.surface.heartbeat)
  }

  start(controller: Controller): void {
    this.#timer = setInterval(() => this.#beat(controller), this.#delivery.settings.heartbeatMs)
    // Headers go out with the first bytes: where the answer is late, these are a heartbeat's.
    if (this.#answering instanceof Promise) controller.enqueue(this.#heartbeat)
  }

  async pull(controller: Controller): Promise<void> {
    let bytes: Uint8Array | undefined
    try {
      const answer = this.#answering instanceof Promise ? await this.#answering : this.#answering
      this.#answering = answer
      while (bytes === undefined && !this.#isOver) {
        const frames = this.#begun ? await answer.more() : answer.first
        this.#begun = true
        this.#moved = true
        bytes = frames === undefined ? this.#finish(answer) : this.#render(frames, answer)
      }
    } catch (thrown) {
      bytes = this.#fail(asFailure(thrown))
    }
    if (bytes !== undefined) controller.enqueue(bytes)
    if (this.#isOver) controller.close()
  }

  cancel(): void {
    this.#over('left', new Failure('client_left', 'The client hung up.'))
  }

  #beat(controller: Controller): void {
    if (this.#delivery.scope.isOver) clearInterval(this.#timer)
    else if (!this.#moved && (controller.desiredSize ?? 0) > 0) controller.enqueue(this.#heartbeat)
    this.#moved = false
  }

  #render(frames: readonly Frame[], answer: Answer): Uint8Array | undefined {
    const { request, scope, surface } = this.#delivery
    see(frames, scope)
    if (answer.isStream && isFaithful(answer, surface)) {
      // A terminator before the finish would tell clients that a cut answer is whole: they stop reading there.
      const early = scope.tap.ended && !scope.tap.finished && speaks.has(request.operation)
      const isShown = (frame: Frame): boolean =>
        (request.wantsUsage || !surface.isUsageOnly(frame)) && !(early && isEnd(frame))
      const shown = frames.every(isShown) ? frames : frames.filter(isShown)
      return shown.length === 0 ? undefined : joined(shown)
    }
    const chunks: Chunk[] = []
    // `end` is written when the body has ended, so that nothing can follow it.
    for (const frame of frames)
      for (const event of frame.events())
        if (event.type !== 'end' && isTold(event, answer, surface)) chunks.push(this.#write(event))
    return text(chunks)
  }

  #finish(answer: Answer): Uint8Array | undefined {
    const { scope, surface } = this.#delivery
    const { tap } = scope
    if (tap.failure !== undefined) {
      this.#over('failed', tap.failure)
      return undefined
    }
    this.#over('done')
    const said = tap.ended && answer.isStream && isFaithful(answer, surface)
    return said ? undefined : text([this.#write({ type: 'end' })])
  }

  #fail(failure: Failure): Uint8Array | undefined {
    this.#over(failure.code === 'client_left' ? 'left' : 'failed', failure)
    if (failure.code === 'client_left') return undefined
    return text([this.#write({ type: 'failure', code: failure.code, facts: failure.facts })])
  }

  #write(event: ModelEvent): Chunk {
    this.#writer ??= this.#delivery.surface.stream(this.#delivery.facts)
    return this.#writer.write(event)
  }

  #over(outcome: 'done' | 'failed' | 'left', failure?: Failure): void {
    this.#isOver = true
    clearInterval(this.#timer)
    this.#delivery.scope.end(outcome, failure)
  }
}

const encoder = new TextEncoder()

/** The bytes can be handed on: the client reads the dialect that they are written in. */
const isFaithful = ({ outgoing }: Answer, surface: Surface): boolean =>
  outgoing.dialect === surface.dialect && outgoing.mustEncode !== true

/** What another dialect says beyond the common words means nothing in this one. */
const isTold = (event: ModelEvent, { outgoing }: Answer, surface: Surface): boolean =>
  event.type !== 'rest' || outgoing.dialect === surface.dialect

function text(chunks: readonly Chunk[]): Uint8Array | undefined {
  const bytes = chunks
    .filter((chunk) => chunk.length > 0)
    .map((chunk) => (typeof chunk === 'string' ? encoder.encode(chunk) : chunk))
  if (bytes.length === 0) return undefined
  return bytes.length === 1 ? bytes[0] : Buffer.concat(bytes)
}

const isEnd = (frame: Frame): boolean => frame.events().some((event) => event.type === 'end')

function joined(frames: readonly Frame[]): Uint8Array {
  const [only] = frames
  return frames.length === 1 && only !== undefined
    ? only.bytes
    : Buffer.concat(frames.map((frame) => frame.bytes))
}

function see(frames: readonly Frame[], scope: RequestScope): void {
  for (const frame of frames) for (const event of frame.events()) scope.tap.see(event)
}
