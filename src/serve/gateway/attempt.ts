import type { Opening, Outgoing, Target } from '../../core/backend.ts'
import type { Frame, FrameReader, ModelEvent } from '../../core/event.ts'
import { Failure, asFailure } from '../../core/failure.ts'
import type { Operation } from '../../core/operation.ts'
import type { ModelRequest } from '../../core/request.ts'
import type { ByteSource } from '../../core/send.ts'
import type { Station } from './backends.ts'
import { Deadline } from './deadline.ts'
import type { RequestScope } from './scope.ts'
import type { GatewaySettings } from './settings.ts'

const errorBodyBytes = 64 * 1024

/** An upstream that has begun to answer: what came so far, and where the rest comes from. */
export interface Answer {
  readonly target: Target
  readonly station: Station
  readonly outgoing: Outgoing
  /** Everything up to and with the first event. */
  readonly first: readonly Frame[]
  /** The frames that follow; undefined at the end. */
  more(): Promise<readonly Frame[] | undefined>
}

/**
 * Asks one target and waits for its first event. What it took (slot, engine, socket) belongs to the scope.
 * Throws `Failure`; nothing has been shown to the client then.
 */
export async function attempt(
  target: Target,
  request: ModelRequest,
  station: Station,
  scope: RequestScope,
  settings: GatewaySettings,
): Promise<Answer> {
  const { backend, slots, health, deadlines } = station
  const call = scope.beginCall()
  const waitFrom = scope.tookMs
  const free = slots.take(call.signal, settings.queue.maxWaitMs)
  scope.own(free instanceof Promise ? await free : free)
  const outgoing = backend.outgoing(request, target)
  const opened = backend.open(target, call.signal)
  const opening = opened instanceof Promise ? await opened : opened
  scope.own(() => opening.close())
  scope.queueMs += scope.tookMs - waitFrom
  const deadline = new Deadline(call)
  scope.own(() => deadline.clear())
  health.began()
  try {
    deadline.arm(deadlines.firstEventMs, () => late(target, deadlines.firstEventMs))
    const answer = await converse(
      opening,
      outgoing,
      target,
      request,
      station,
      scope,
      call,
      deadline,
      settings,
    )
    health.succeeded()
    return answer
  } catch (thrown) {
    // What aborted the call says more than how the socket took it.
    const reason: unknown = call.signal.aborted ? call.signal.reason : thrown
    const failure = asFailure(reason)
    if (failure.code === 'client_left') health.undecided()
    else health.failed(failure.code)
    throw failure
  }
}

async function converse(
  opening: Opening,
  outgoing: Outgoing,
  target: Target,
  request: ModelRequest,
  station: Station,
  scope: RequestScope,
  call: AbortController,
  deadline: Deadline,
  settings: GatewaySettings,
): Promise<Answer> {
  const { backend } = station
  const reply = await backend.send(
    {
      method: 'POST',
      url: opening.url + outgoing.path,
      headers: { ...opening.headers, ...outgoing.headers },
      body: outgoing.body,
      signal: call.signal,
      connectTimeoutMs: station.deadlines.connectMs,
    },
    scope.label,
  )
  scope.own(() => reply.body.cancel())
  if (reply.status < 200 || reply.status >= 300) {
    const body = await reply.body.all(errorBodyBytes)
    const precise = reply.header('retry-after-ms')
    const retryAfter = precise === undefined ? reply.header('retry-after') : `${precise}ms`
    throw backend.failure(outgoing, reply.status, retryAfter, body)
  }
  const reader = backend.reader(outgoing, reply)
  const isCut = (rest: readonly Frame[]): boolean =>
    speaks.has(request.operation) &&
    scope.tap.failure === undefined &&
    !scope.tap.finished &&
    !rest.some(hasFinish)
  const more = framesOf(reply.body, reader, outgoing, deadline, call, station, target, settings, isCut)
  const first: Frame[] = []
  for (;;) {
    const frames = await more()
    if (frames === undefined)
      throw new Failure('upstream_cut', `${backend.name} ended its answer before it began.`)
    first.push(...frames)
    const event = firstEvent(frames)
    if (event?.type === 'failure') throw new Failure(event.code, event.facts)
    if (event !== undefined) break
  }
  scope.sawEvent()
  return { target, station, outgoing, first, more }
}

/** A whole body comes as one piece; a stream piece by piece, each in its time. */
function framesOf(
  body: ByteSource,
  reader: FrameReader,
  outgoing: Outgoing,
  deadline: Deadline,
  call: AbortController,
  { deadlines: { betweenEventsMs } }: Station,
  target: Target,
  settings: GatewaySettings,
  isCut: (rest: readonly Frame[]) => boolean,
): () => Promise<readonly Frame[] | undefined> {
  let ended = false
  let armed = false
  return async () => {
    if (ended) return undefined
    try {
      if (!outgoing.stream) {
        ended = true
        const frames = reader.push(await body.all(settings.maxAnswerBytes))
        const rest = reader.end()
        deadline.clear()
        return rest.length === 0 ? frames : [...frames, ...rest]
      }
      const bytes = await body.read()
      if (bytes === undefined) {
        ended = true
        deadline.clear()
        const rest = reader.end()
        if (isCut(rest))
          throw new Failure('upstream_cut', `${target.backend} ended its answer without a finish.`)
        return rest
      }
      if (armed) deadline.touch()
      else {
        armed = true
        deadline.arm(betweenEventsMs, () => stalled(target, betweenEventsMs))
      }
      return reader.push(bytes)
    } catch (thrown) {
      throw asFailure(call.signal.aborted ? call.signal.reason : thrown)
    }
  }
}

/** What ends with a finish: when it does not, it was cut, however clean the socket's end looked. */
const speaks: ReadonlySet<Operation> = new Set<Operation>(['chat', 'complete'])

const hasFinish = (frame: Frame): boolean => frame.events().some((event) => event.type === 'finish')

function firstEvent(frames: readonly Frame[]): ModelEvent | undefined {
  for (const frame of frames) {
    const event = frame.events()[0]
    if (event !== undefined) return event
  }
  return undefined
}

const late = (target: Target, ms: number): Failure =>
  new Failure('first_event_timeout', `${target.backend} sent nothing within ${ms} ms.`)

const stalled = (target: Target, ms: number): Failure =>
  new Failure('stalled', `${target.backend} sent nothing more for ${ms} ms.`)
