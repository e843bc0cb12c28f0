import type { FinishReason, ModelEvent } from '../../core/event.ts'
import type { FailureCode, Facts } from '../../core/failure.ts'
import type { Dialect } from '../../core/operation.ts'
import { mergeUsage, type Usage } from '../../core/usage.ts'
import { joinLogprobs } from './logprobs.ts'
import type { Timing } from './tap.ts'

/** A piece of an answer, whole; in the order in which they began. */
type AnswerPart =
  | {
      readonly type: 'text' | 'refusal' | 'reasoning'
      readonly text: string
      /** Of reasoning only. */
      readonly signature?: string
    }
  | {
      readonly type: 'tool-call'
      readonly index: number
      readonly id: string
      readonly name: string
      /** JSON text as the model wrote it. */
      readonly input: string
    }
  /** What only its own dialect has a word for. */
  | { readonly type: 'opaque'; readonly dialect: Dialect; readonly value: unknown }

export interface AnswerChoice {
  readonly index: number
  readonly parts: readonly AnswerPart[]
  /** In the shape of the upstream's dialect, lists joined. */
  readonly logprobs?: unknown
  readonly finish?: FinishReason
  readonly stopSequence?: string
}

/** All that the events of one answer say. */
export interface Answer {
  readonly id?: string
  readonly model?: string
  readonly created?: number
  /** By index. */
  readonly choices: readonly AnswerChoice[]
  /** By index. */
  readonly embeddings: readonly { readonly index: number; readonly vector: readonly number[] | string }[]
  readonly usage?: Usage
  readonly timing?: Timing
  readonly rest: Readonly<Record<string, unknown>>
  readonly failure?: { readonly code: FailureCode; readonly facts: Facts }
}

/** A whole answer from its events, however finely they were cut. */
export function fold(events: Iterable<ModelEvent>): Answer {
  const answer: Draft<Answer> = { choices: [], embeddings: [], rest: {} }
  const choices = new Map<number, ChoiceDraft>()
  const choiceOf = (index = 0): ChoiceDraft => {
    const known = choices.get(index)
    if (known !== undefined) return known
    const made: ChoiceDraft = { index, parts: [] }
    choices.set(index, made)
    return made
  }
  const embeddings = new Map<number, Answer['embeddings'][number]>()
  for (const event of events) {
    switch (event.type) {
      case 'start': {
        const { type: _, ...head } = event
        Object.assign(answer, head)
        break
      }
      case 'text':
      case 'refusal':
      case 'reasoning':
        addText(choiceOf(event.choice).parts, event)
        break
      case 'tool-call':
        Object.assign(callOf(choiceOf(event.choice).parts, event.index), { id: event.id, name: event.name })
        break
      case 'tool-input':
        callOf(choiceOf(event.choice).parts, event.index).input += event.json
        break
      case 'opaque': {
        const { dialect, value } = event
        choiceOf(event.choice).parts.push({ type: 'opaque', dialect, value })
        break
      }
      case 'logprobs': {
        const choice = choiceOf(event.choice)
        choice.logprobs = joinLogprobs(choice.logprobs, event.logprobs)
        break
      }
      case 'finish': {
        const choice = choiceOf(event.choice)
        choice.finish = event.reason
        if (event.stopSequence !== undefined) choice.stopSequence = event.stopSequence
        break
      }
      case 'embedding':
        embeddings.set(event.index, { index: event.index, vector: event.vector })
        break
      case 'usage':
        answer.usage = mergeUsage(answer.usage, event.usage)
        break
      case 'timing': {
        const { type: _, ...timing } = event
        answer.timing = { ...answer.timing, ...timing }
        break
      }
      case 'rest':
        Object.assign(answer.rest, event.fields)
        break
      case 'failure':
        answer.failure ??= { code: event.code, facts: event.facts }
        break
      case 'end':
        break
    }
  }
  answer.choices = byIndex(choices.values())
  answer.embeddings = byIndex(embeddings.values())
  return answer
}

type Draft<T> = { -readonly [K in keyof T]: T[K] }
type PartDraft = AnswerPart extends infer P ? (P extends unknown ? Draft<P> : never) : never
type CallDraft = Extract<PartDraft, { type: 'tool-call' }>
type ChoiceDraft = Draft<Omit<AnswerChoice, 'parts'>> & { parts: PartDraft[] }
type TextEvent = Extract<ModelEvent, { type: 'text' | 'refusal' | 'reasoning' }>

/** Text goes on where it stopped; reasoning that was signed is complete. */
function addText(parts: PartDraft[], event: TextEvent): void {
  const signature = event.type === 'reasoning' ? event.signature : undefined
  if (event.text === '' && signature === undefined) return
  let part = parts.at(-1)
  if (
    part === undefined ||
    part.type === 'tool-call' ||
    part.type === 'opaque' ||
    part.type !== event.type ||
    part.signature !== undefined
  ) {
    part = { type: event.type, text: '' }
    parts.push(part)
  }
  part.text += event.text
  if (signature !== undefined) part.signature = signature
}

function callOf(parts: PartDraft[], index: number): CallDraft {
  for (const part of parts) if (part.type === 'tool-call' && part.index === index) return part
  const made: CallDraft = { type: 'tool-call', index, id: '', name: '', input: '' }
  parts.push(made)
  return made
}

const byIndex = <T extends { readonly index: number }>(values: Iterable<T>): T[] =>
  [...values].toSorted((a, b) => a.index - b.index)
