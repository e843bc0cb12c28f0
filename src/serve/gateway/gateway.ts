import type { Clock } from '../../core/clock.ts'
import type { Considered } from '../../core/decision.ts'
import { Failure, asFailure } from '../../core/failure.ts'
import type { Guard, Identity } from '../../core/guard.ts'
import { JsonText } from '../../core/json.ts'
import type { LedgerPort } from '../../core/ledger.ts'
import { isFree } from '../../core/operation.ts'
import type { ModelRequest } from '../../core/request.ts'
import type { Route, Router } from '../../core/route.ts'
import type { Surface } from '../../core/surface.ts'
import type { Answer } from './attempt.ts'
import { firstAnswer } from './chain.ts'
import { streamedAnswer, wholeAnswer, type Delivery } from './deliver.ts'
import { answerHeaders, errorResponse, unbuffered } from './headers.ts'
import { RequestScope, type Answerer, type ScopeParts } from './scope.ts'
import type { GatewaySettings } from './settings.ts'
import type { Upstreams } from './upstreams.ts'

/** How often running calls are looked at, for a client that left and an upstream that is late: how exact deadlines are. */
const lookEveryMs = 25

/** What a config makes of the gateway; a reload puts a new one in its place, calls under way keep theirs. */
export interface Setup {
  readonly settings: GatewaySettings
  readonly upstreams: Upstreams
  readonly route: Router
  readonly guard: Guard
}

export interface GatewayParts {
  readonly ledger: LedgerPort
  readonly clock: Clock
  newId(): string
  /** Told each failed call, and who was asked last; for the log, never the client. */
  failed(failure: Failure, requestId: string, asked?: Answerer): void
  /** Told each failed attempt of a call that goes on. */
  triesAgain(failure: Failure, requestId: string, asked?: Answerer): void
}

/** A call as it came in by HTTP. */
export interface Incoming {
  readonly surface: Surface
  /** Finds out whose key the call carries. */
  identify(guard: Guard): Identity | Promise<Identity>
  readonly tags: readonly string[]
  /** Fires when the client hangs up. */
  signal(): AbortSignal
  header(name: string): string | undefined
  /** Reads the body within its limits of size and time. */
  body(): Promise<Uint8Array>
}

/** The way of every call: parse, admit, route, hold, ask, answer, settle. */
export class Gateway {
  readonly #parts: GatewayParts
  readonly #running = new Set<RequestScope>()
  readonly #scopeParts: ScopeParts
  #setup: Setup
  #draining = false
  #isCut = false
  #watch: ReturnType<typeof setInterval> | undefined
  #idle: (() => void) | undefined

  constructor(parts: GatewayParts, setup: Setup) {
    this.#parts = parts
    this.#setup = setup
    const { clock, ledger } = parts
    this.#scopeParts = {
      clock,
      ledger,
      ended: (scope, failure) => this.#ended(scope, failure),
      triesAgain: (scope, failure) => parts.triesAgain(failure, scope.id, scope.answerer),
    }
  }

  get setup(): Setup {
    return this.#setup
  }

  get isDraining(): boolean {
    return this.#draining
  }

  get running(): number {
    return this.#running.size
  }

  use(setup: Setup): void {
    this.#setup = setup
    for (const scope of this.#running) scope.carry(setup.guard)
  }

  async handle(call: Incoming): Promise<Response> {
    const { surface } = call
    const scope = this.#begin(call)
    try {
      if (this.#draining)
        throw new Failure('draining', { message: 'This server is stopping.', retryAfterMs: 1000 })
      const { guard, settings, upstreams, route: decide } = this.#setup
      const identified = call.identify(guard)
      const identity = identified instanceof Promise ? await identified : identified
      const body = await JsonText.read(await call.body())
      const request = surface.parse(body, (name) => call.header(name))
      scope.asked = request.model
      scope.promptBytes = textBytes(body.bytes)
      const route = decide(request, identity, upstreams.standing)
      const demand = {
        operation: request.operation,
        model: request.model,
        row: route.targets[0]?.row ?? request.model,
        tokens: isFree(request.operation)
          ? 0
          : Math.ceil(scope.promptBytes / 4) + (request.maxOutputTokens ?? 0),
      }
      scope.admitted(guard.admit(identity, demand), identity, demand)
      // A reload came while the body did.
      if (this.#setup.guard !== guard) scope.carry(this.#setup.guard)
      scope.considered = route.considered
      scope.reasons = route.reasons
      await hold(scope, call, request, identity, route, upstreams)
      const answering = firstAnswer(route.targets, request, upstreams, scope, settings)
      return await answer(answering, {
        request,
        surface,
        scope,
        facts: {
          requestId: scope.id,
          created: Math.floor(scope.at / 1000),
          request,
          tookMs: () => scope.tookMs,
        },
        settings,
      })
    } catch (thrown) {
      const failure = asFailure(thrown)
      const response = errorResponse(failure, surface, scope)
      scope.end(failure.code === 'client_left' ? 'left' : 'failed', failure)
      return response
    }
  }

  /** Takes no more calls; resolves when the last has ended, or after `ms` when the rest is cut. */
  async drain(ms: number): Promise<void> {
    this.#draining = true
    if (this.#running.size > 0 && !this.#isCut) {
      const idle = new Promise<void>((resolve) => {
        this.#idle = resolve
      })
      const timer = setTimeout(() => this.#idle?.(), ms)
      await idle
      clearTimeout(timer)
    }
    for (const scope of this.#running)
      scope.end('failed', new Failure('draining', 'This server was stopped.'))
  }

  /** Draining waits no longer: the calls under way are cut, and settled. */
  cut(): void {
    this.#isCut = true
    this.#idle?.()
  }

  #begin(call: Incoming): RequestScope {
    const scope = new RequestScope(this.#parts.newId(), this.#scopeParts, call)
    this.#running.add(scope)
    this.#watch ??= setInterval(() => this.#look(), lookEveryMs)
    return scope
  }

  #ended(scope: RequestScope, failure: Failure | undefined): void {
    if (failure !== undefined) this.#parts.failed(failure, scope.id, scope.answerer)
    this.#running.delete(scope)
    if (this.#running.size === 0) this.#idle?.()
  }

  #look(): void {
    for (const scope of this.#running) scope.look()
    if (this.#running.size > 0) return
    clearInterval(this.#watch)
    this.#watch = undefined
  }
}

/** Writes the request down before anybody is asked; also where nobody may and can answer, so that `explain` can tell why. */
async function hold(
  scope: RequestScope,
  call: Incoming,
  request: ModelRequest,
  identity: Identity,
  route: Route,
  upstreams: Upstreams,
): Promise<void> {
  const [first] = route.targets
  const place = first === undefined ? '' : upstreams.get(first.backend).backend.place.name
  if (first !== undefined) {
    scope.answerer = { row: first.row, backend: first.backend, model: first.model, place }
  }
  await scope.hold({
    key: identity.key,
    team: identity.team,
    tags: call.tags.length === 0 ? identity.tags : [...identity.tags, ...call.tags],
    operation: request.operation,
    surface: call.surface.id,
    row: route.row,
    servedModel: first?.model ?? '',
    backend: first?.backend ?? '',
    place,
  })
  if (first === undefined) throw nobodyFor(request, route)
}

/** Why nobody was asked. */
export function nobodyFor({ model, operation }: ModelRequest, { considered }: Route): Failure {
  if (considered.length > 0 && considered.every(isUnable)) {
    const message = `No backend of ${model} can ${operation}.`
    return new Failure('unsupported', { message, param: 'model' })
  }
  const why = considered.flatMap((target) => target.reasons.map((reason) => `${target.row}: ${reason.text}`))
  return new Failure('no_target', {
    message: `Nobody may and can answer for ${model}${why.length === 0 ? '' : ` (${why.join('; ')})`}.`,
    retryAfterMs: 1000,
  })
}

/** No waiting helps: its backend has no such operation. */
const isUnable = ({ reasons }: Considered): boolean => reasons.some(({ code }) => code === 'operation')

/** Whole, or streamed: then the first event decides the status, unless it is late. */
async function answer(answering: Promise<Answer>, delivery: Delivery): Promise<Response> {
  const { request, surface, scope, settings } = delivery
  if (!request.stream) {
    const first = await answering
    const body = await wholeAnswer(first, delivery)
    const headers = answerHeaders(surface.contentType.whole, surface, scope, first.outgoing.warnings)
    scope.end('done')
    return new Response(body as Uint8Array<ArrayBuffer>, { headers })
  }
  const first = await inTime(answering, settings.headersAfterMs)
  const headers = answerHeaders(surface.contentType.stream, surface, scope, first?.outgoing.warnings ?? [])
  Object.assign(headers, unbuffered)
  return new Response(streamedAnswer(first ?? answering, delivery), { headers })
}

/** The answer if it comes in time. */
async function inTime(answering: Promise<Answer>, ms: number): Promise<Answer | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms)
  })
  try {
    return await Promise.race([answering, late])
  } finally {
    clearTimeout(timer)
  }
}

const base64 = Buffer.from(';base64,')
const data = Buffer.from('data:')
const longestMediaType = 128
const quote = 0x22
const space = 0x20
/** What vendors count for an image of usual size, in bytes of text. */
const imageBytes = 4 * 1000

/** Bytes that become tokens at about four to one: an image in the body does not. */
function textBytes(body: Uint8Array): number {
  if (body.length < imageBytes) return body.length
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  let text = bytes.length
  for (let at = bytes.indexOf(base64); at !== -1; at = bytes.indexOf(base64, at)) {
    const end = bytes.indexOf(quote, at)
    if (end === -1) break
    // Prose that names the word is prose.
    const isMedia = bytes.subarray(Math.max(0, at - longestMediaType), at).includes(data)
    if (isMedia && !bytes.subarray(at, end).includes(space)) text -= end - at - imageBytes
    at = end
  }
  return Math.max(0, text)
}
