import type { Backend, Outgoing, Target } from '../../core/backend.ts'
import type { Frame, FrameReader, ModelEvent } from '../../core/event.ts'
import { Failure, asFailure } from '../../core/failure.ts'
import type { Operation } from '../../core/operation.ts'
import type { ModelRequest } from '../../core/request.ts'
import type { ByteSource } from '../../core/send.ts'
import type { Call } from './call.ts'
import { Deadline } from './deadline.ts'
import type { Verdict } from './health.ts'
import type { RequestScope } from './scope.ts'
import type { GatewaySettings } from './settings.ts'
import type { Upstream } from './upstreams.ts'

const errorBodyBytes = 64 * 1024

/**
 * Asks one target and waits for its first event. What it took (slot, engine, socket) belongs to the scope.
 * Throws `Failure`; nothing has been shown to the client then.
 */
export async function attempt(
  target: Target,
  request: ModelRequest,
  upstream: Upstream,
  scope: RequestScope,
  settings: GatewaySettings,
): Promise<Answer> {
  const { backend, lines, deadlines } = upstream
  const call = scope.beginCall()
  scope.sent = false
  const written = backend.outgoing(request, target)
  const outgoing = written instanceof Promise ? await written : written
  const waitFrom = scope.tookMs
  let isWaiting = true
  try {
    const free = lines.of(target.row).take(call, settings.queue.maxWaitMs)
    scope.own(free instanceof Promise ? await free : free)
    const health = upstream.health.of(target.model)
    const verdict = health.enter()
    if (verdict === undefined) {
      throw new Failure('circuit_open', {
        message: `${target.model} at ${backend.name} rests after failures.`,
        retryAfterMs: Math.max(1000, health.restMs),
      })
    }
    if (verdict.isTrial) scope.own(() => verdict.over())
    const opened = backend.open(target, call)
    const opening = opened instanceof Promise ? await opened : opened
    scope.own(() => opening.close())
    scope.queueMs += scope.tookMs - waitFrom
    isWaiting = false
    const deadline = new Deadline(call, scope)
    scope.deadline = deadline
    deadline.allow(deadlines.firstEventMs, 'first_event_timeout')
    deadline.resume()
    scope.sent = true
    try {
      const reply = await backend.send(
        {
          method: 'POST',
          url: opening.url + outgoing.path,
          headers: joined(opening.headers, outgoing.headers),
          body: outgoing.body,
          signal: call,
          connectTimeoutMs: deadlines.connectMs,
        },
        scope.label,
      )
      scope.own(() => reply.body.cancel())
      if (reply.status < 200 || reply.status >= 300) {
        const precise = reply.header('retry-after-ms')
        const retryAfter = precise === undefined ? reply.header('retry-after') : `${precise}ms`
        throw backend.failure(outgoing, reply.status, retryAfter, await beginning(reply.body, errorBodyBytes))
      }
      deadline.pause()
      const reader = backend.reader(outgoing, reply)
      const answer = new Answer({
        target,
        request,
        upstream,
        outgoing,
        reader,
        body: reply.body,
        call,
        deadline,
        scope,
        verdict,
        settings,
      })
      await answer.begin()
      return answer
    } catch (thrown) {
      throw told(thrown, call, verdict, backend)
    }
  } finally {
    // A wait that came to nothing is a wait all the same.
    if (isWaiting) scope.queueMs += scope.tookMs - waitFrom
  }
}

/** Tells the circuit why an attempt failed. What aborted the call says more than how the socket took it. */
function told(thrown: unknown, call: Call, verdict: Verdict, { name, isWatched }: Backend): Failure {
  const failure = nameOnly(asFailure(call.aborted ? call.reason : thrown), name)
  const lives = isWatched === true && failure.facts.upstream !== undefined
  if (lives) verdict.excused()
  else if (failure.code !== 'client_left') verdict.failed(failure.code)
  return failure
}

/** Where a backend stands is no client's business: its name takes the place of its address. */
export function nameOnly(failure: Failure, backend: string): Failure {
  const { facts, code, cause } = failure
  if (facts.address === undefined) return failure
  return new Failure(code, { ...facts, message: facts.message.replaceAll(facts.address, backend) }, { cause })
}

type Headers = Outgoing['headers']

/** For each opening's headers those of the adapter, and both together: mostly the same objects meet again. */
const together = new WeakMap<Headers, WeakMap<Headers, Headers>>()

function joined(opening: Headers, outgoing: Headers): Headers {
  let ofOpening = together.get(opening)
  if (ofOpening === undefined) together.set(opening, (ofOpening = new WeakMap()))
  let both = ofOpening.get(outgoing)
  if (both === undefined) ofOpening.set(outgoing, (both = { ...opening, ...outgoing }))
  return both
}

interface AnswerParts {
  readonly target: Target
  readonly request: ModelRequest
  readonly upstream: Upstream
  readonly outgoing: Outgoing
  readonly reader: FrameReader
  readonly body: ByteSource
  readonly call: Call
  readonly deadline: Deadline
  readonly scope: RequestScope
  readonly verdict: Verdict
  readonly settings: GatewaySettings
}

/** An upstream that has begun to answer: what came so far, and where the rest comes from. */
export class Answer {
  /** Everything up to and with the first event. */
  first: readonly Frame[] = []
  readonly #parts: AnswerParts
  /** The body has ended. */
  #ended = false
  /** The stream has said that nothing follows. */
  #isOver = false

  constructor(parts: AnswerParts) {
    this.#parts = parts
  }

  get outgoing(): Outgoing {
    return this.#parts.outgoing
  }

  /** It came as a stream, whatever was asked for. */
  get isStream(): boolean {
    return this.#parts.reader.isStream
  }

  async begin(): Promise<void> {
    const { target, scope, verdict } = this.#parts
    for (;;) {
      const frames = await this.more()
      if (frames === undefined)
        throw new Failure('upstream_cut', `${target.backend} ended its answer before it began.`)
      this.first = this.first.length === 0 ? frames : [...this.first, ...frames]
      const event = firstEvent(frames)
      if (event?.type === 'failure') throw new Failure(event.code, event.facts)
      if (event !== undefined) break
    }
    scope.sawEvent()
    verdict.began()
  }

  /** The frames that follow; undefined at the end. Rejects when the upstream breaks off, stalls, or was given up. */
  async more(): Promise<readonly Frame[] | undefined> {
    if (this.#ended) return undefined
    const { reader, body, call, deadline, verdict, settings, upstream } = this.#parts
    deadline.resume()
    try {
      const bytes = await (reader.isStream ? body.read() : body.all(settings.maxAnswerBytes))
      const frames = bytes === undefined ? [] : reader.push(bytes)
      const isLast = bytes === undefined || !reader.isStream
      const all = isLast ? this.#finish([...frames, ...this.#last()]) : frames
      if (!this.#isOver && all.some(hasEvents)) this.#moved()
      return reader.isStream ? this.#untilEnd(all) : all
    } catch (thrown) {
      // Nothing is missing: only the connection is of no use any more.
      if (this.#isOver) return this.#finish([])
      throw told(thrown, call, verdict, upstream.backend)
    } finally {
      deadline.pause()
    }
  }

  /** What the end of a stream cuts off is no message: nobody may take it for the beginning of the next. */
  #last(): readonly Frame[] {
    const { reader } = this.#parts
    return reader.isStream ? reader.end().filter(hasEvents) : reader.end()
  }

  /** After its end a stream may say so again; whatever else comes is dropped, and nothing more read. */
  #untilEnd(frames: readonly Frame[]): readonly Frame[] {
    if (this.#isOver) return frames.every(isEnd) ? frames : this.#finish(frames.filter(isEnd))
    const at = frames.findIndex(hasEnd)
    if (at === -1) return frames
    const { request, scope, deadline } = this.#parts
    const said = frames.slice(0, at + 1)
    // An end before the finish is none: what comes decides.
    if (speaks.has(request.operation) && !scope.tap.finished && !said.some(hasFinish)) return frames
    this.#isOver = true
    deadline.allow(lingerMs, 'stalled')
    return [...said, ...frames.slice(at + 1).filter(isEnd)]
  }

  /** What ends with a finish, and has none, was cut, however clean the socket's end looked. */
  #finish(rest: readonly Frame[]): readonly Frame[] {
    const { target, request, reader, scope, verdict } = this.#parts
    this.#ended = true
    const { tap } = scope
    const isCut =
      reader.isStream && speaks.has(request.operation) && tap.failure === undefined && !tap.finished
    if (isCut && !rest.some(hasFinish)) {
      throw new Failure('upstream_cut', `${target.backend} ended its answer without a finish.`)
    }
    if (tap.failure === undefined) verdict.succeeded()
    else verdict.failed(tap.failure.code)
    return rest
  }

  /** A comment is no sign of life: only an event starts the time anew. */
  #moved(): void {
    const { deadline, upstream } = this.#parts
    deadline.allow(upstream.deadlines.betweenEventsMs, 'stalled')
  }
}

/** What ends with a finish. */
export const speaks: ReadonlySet<Operation> = new Set<Operation>(['chat', 'complete'])

/** How long the end of a body is waited for after that of its stream: its connection can be used again then. */
const lingerMs = 250

const hasEnd = (frame: Frame): boolean => frame.events().some((event) => event.type === 'end')
const isEnd = (frame: Frame): boolean =>
  hasEvents(frame) && frame.events().every(({ type }) => type === 'end')
const hasFinish = (frame: Frame): boolean => frame.events().some((event) => event.type === 'finish')
const hasEvents = (frame: Frame): boolean => frame.events().length > 0

function firstEvent(frames: readonly Frame[]): ModelEvent | undefined {
  for (const frame of frames) {
    const event = frame.events()[0]
    if (event !== undefined) return event
  }
  return undefined
}

/** As much of an error's body as anybody reads. */
async function beginning(body: ByteSource, limit: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  let size = 0
  while (size < limit) {
    const piece = await body.read()
    if (piece === undefined) break
    pieces.push(piece)
    size += piece.length
  }
  return Buffer.concat(pieces).subarray(0, limit)
}
