import type { Backend, Outgoing, Target } from '../../core/backend.ts'
import type { FrameReader } from '../../core/event.ts'
import type { Failure } from '../../core/failure.ts'
import type { ModelFacts } from '../../core/model-facts.ts'
import type { ModelRequest } from '../../core/request.ts'
import type { UpstreamReply } from '../../core/send.ts'
import type { Work } from '../../core/turns.ts'
import { ollamaCall } from './ollama-call.ts'
import { ollamaFailure } from './ollama-failure.ts'
import { mustStay } from './ollama-models.ts'
import { ollamaReader } from './ollama-reader.ts'
import { openAiOperation } from './openai-backend.ts'
import { plain, presets } from './presets.ts'
import { readerOf } from './reading.ts'
import { upstreamFailure } from './upstream-failure.ts'

/** A call to an engine of ours, and how its answer is read. */
export interface EngineCall extends Outgoing {
  readonly read: (reply: UpstreamReply) => FrameReader
  readonly failed: (status: number, retryAfter: string | undefined, body: Uint8Array, now: number) => Failure
}

interface Asked {
  /** Whose dialect and quirks the engine has. */
  readonly preset: string
  /** In the engine's own words. */
  readonly target: Target
  readonly facts: ModelFacts | undefined
  readonly backend: Pick<Backend, 'name' | 'place'>
}

type Way = (request: ModelRequest, asked: Asked) => Work<EngineCall>

/** Engines with an interface of their own, by preset; all others speak OpenAI's. */
const ways: ReadonlyMap<string, Way> = new Map([['ollama', askOllama]])

/** A call in the dialect of the engine that will answer it. */
export const engineCall: Way = (request, asked) => (ways.get(asked.preset) ?? askOpenAi)(request, asked)

function* askOpenAi(request: ModelRequest, { preset, target, facts }: Asked): Work<EngineCall> {
  const asked = yield* openAiOperation(request, {
    preset: presets.find((each) => each.id === preset) ?? plain,
    ask: 'stream',
    api: undefined,
    mayFetch: false,
    target,
    facts,
    under: (path) => `/v1${path}`,
  })
  return { ...asked, read: (reply) => readerOf(asked.reading(), asked, reply), failed: upstreamFailure }
}

/** Its OpenAI face would cut a long context in silence. */
function* askOllama(request: ModelRequest, { target, facts = {}, backend }: Asked): Work<EngineCall> {
  mustStay(target.model, {}, backend)
  const asked = yield* ollamaCall(request, target, facts, {
    ask: 'stream',
    keepAlive: undefined,
    isManaged: true,
  })
  const cameFrom = (remoteHost: string) => mustStay(target.model, { remoteHost }, backend)
  return { ...asked, read: (reply) => ollamaReader(asked, reply, cameFrom), failed: ollamaFailure }
}
