import type { JsonText } from './json.ts'
import type { Dialect, Operation } from './operation.ts'
import type { Work } from './turns.ts'

/** A call as the client made it: the bytes, and the few facts that every step needs. */
export interface ModelRequest {
  readonly operation: Operation
  readonly dialect: Dialect
  /** The name the client used. */
  readonly model: string
  /** The client wants a stream. */
  readonly stream: boolean
  /** The client itself asked to be told the usage in its stream; when false, ours is taken out again. */
  readonly wantsUsage: boolean
  /** The client's own limit on output tokens, if any. */
  readonly maxOutputTokens: number | undefined
  /** The body, kept byte for byte. */
  readonly body: JsonText
  /** Dialect headers that travel on to an upstream of the same dialect (`anthropic-beta` …), lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  /** The body in the neutral words, decoded by whoever asks first and remembered. Throws `Failure('bad_request')`. */
  prompt(): Work<Prompt>
}

/** What is to be counted (`count`) is a chat; to tokenize a text, or have tokens as text, is a count of a completion's prompt. */
export type Prompt = ChatPrompt | CompletionPrompt | EmbedPrompt | RerankPrompt

export interface ImagePart {
  readonly type: 'image'
  /** An address, or base64 data with its media type. */
  readonly source: { readonly url: string } | { readonly mediaType: string; readonly data: string }
  readonly detail?: string
}

export type Part =
  | { readonly type: 'text'; readonly text: string }
  | ImagePart
  | { readonly type: 'reasoning'; readonly text: string; readonly signature?: string }
  /** `input` is JSON text as the model wrote it. */
  | { readonly type: 'tool-call'; readonly id: string; readonly name: string; readonly input: string }
  | {
      readonly type: 'tool-result'
      readonly id: string
      readonly parts: readonly Part[]
      readonly isError?: boolean
    }
  /** A part that only its own dialect understands (audio, files, encrypted reasoning …). */
  | { readonly type: 'opaque'; readonly dialect: Dialect; readonly value: unknown }

export interface Message {
  readonly role: 'system' | 'user' | 'assistant'
  readonly parts: readonly Part[]
  readonly name?: string
}

export interface Tool {
  readonly name: string
  readonly description?: string
  /** JSON Schema of the arguments. */
  readonly parameters?: unknown
  readonly strict?: boolean
}

export type ToolChoice = 'auto' | 'none' | 'required' | { readonly name: string }

export type ResponseFormat =
  | { readonly type: 'text' }
  | { readonly type: 'json' }
  | {
      readonly type: 'json-schema'
      readonly name: string
      readonly schema: unknown
      readonly strict?: boolean
    }

/** Sampling and limits that several dialects share. */
export interface Sampling {
  readonly maxOutputTokens?: number
  readonly temperature?: number
  readonly topP?: number
  readonly topK?: number
  readonly stop?: readonly string[]
  readonly seed?: number
  readonly frequencyPenalty?: number
  readonly presencePenalty?: number
}

interface Shared {
  /** Body fields that the words do not cover, by their name in the client's dialect. Named in a warning if dropped. */
  readonly rest: Readonly<Record<string, unknown>>
}

export interface ChatPrompt extends Sampling, Shared {
  readonly kind: 'chat'
  readonly messages: readonly Message[]
  readonly tools?: readonly Tool[]
  readonly toolChoice?: ToolChoice
  readonly parallelToolCalls?: boolean
  readonly responseFormat?: ResponseFormat
  /** none, minimal, low, medium, high … as the client said it. */
  readonly reasoningEffort?: string
  readonly reasoningBudgetTokens?: number
  /** How many answers. */
  readonly choices?: number
  readonly logprobs?: boolean
  readonly topLogprobs?: number
  readonly user?: string
}

export interface CompletionPrompt extends Sampling, Shared {
  readonly kind: 'complete'
  readonly prompts: readonly (string | readonly number[])[]
  readonly suffix?: string
  readonly echo?: boolean
  readonly choices?: number
  readonly logprobs?: number
}

export interface EmbedPrompt extends Shared {
  readonly kind: 'embed'
  /** Each input is a text or token ids. */
  readonly inputs: readonly (string | readonly number[])[]
  readonly encoding: 'float' | 'base64'
  readonly dimensions?: number
}

export interface RerankPrompt extends Shared {
  readonly kind: 'rerank'
  readonly query: string
  readonly documents: readonly string[]
  /** How many of the best are wanted; left out: all. */
  readonly top?: number
  /** The documents are wanted back beside their scores. */
  readonly returnDocuments: boolean
}
