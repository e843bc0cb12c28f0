import {
  FinishReason as GeminiFinish,
  type GenerateContentParameters,
  type GenerateContentResponse,
  type Part,
} from '@google/genai'

import type { FinishReason } from '../../../core/event.ts'
import { sse } from '../../fake-answers.ts'
import type { Received } from '../../fake-model.ts'
import type { Piece, Said } from '../cases.ts'
import { callText, type Asked, type ContractUpstream } from '../upstream.ts'

const finishes = {
  stop: GeminiFinish.STOP,
  length: GeminiFinish.MAX_TOKENS,
  'tool-calls': GeminiFinish.STOP,
  refusal: GeminiFinish.SAFETY,
  other: GeminiFinish.OTHER,
} as const satisfies Record<FinishReason, GeminiFinish>

type Answer = Pick<GenerateContentResponse, 'candidates' | 'usageMetadata' | 'modelVersion' | 'responseId'>

/** Gemini's generateContent, as https://ai.google.dev/api/generate-content documents it. */
export const geminiUpstream: ContractUpstream = {
  id: 'gemini',
  backend: 'gemini',
  row: (url) => `url: ${url}/v1beta, apiKey: k`,
  answer: (said, request) => {
    if (!isSigned(request)) return { status: 400, chunks: [unsigned] }
    return isStream(request)
      ? { chunks: sse(chunksOf(said)) }
      : { chunks: [JSON.stringify(answerOf(partsOf(said), said))] }
  },
  failure: () => ({
    status: 503,
    chunks: ['{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}'],
  }),
  breaking: (said) => ({
    chunks: sse([
      ...chunksOf(said).slice(0, -1),
      { error: { code: 503, message: 'The model is overloaded.', status: 'UNAVAILABLE' } },
    ]),
  }),
  asked: askedOf,
}

const isStream = ({ path }: Received): boolean => path.includes(':streamGenerateContent')

/** Signed as https://ai.google.dev/gemini-api/docs/thought-signatures says: the first call, else the last part. */
function partsOf(said: Said): Part[] {
  const parts = said.pieces.map(partOf)
  const signed = parts.find((part) => part.functionCall !== undefined) ?? parts.at(-1)
  if (signed !== undefined) signed.thoughtSignature = 'EqsBCqgB+/8='
  return parts
}

function partOf(piece: Piece): Part {
  if ('call' in piece) return { functionCall: { name: piece.call.name, args: piece.call.input } }
  if ('reasoning' in piece) return { text: piece.reasoning, thought: true }
  return { text: 'text' in piece ? piece.text : piece.refusal }
}

/** As the same page says, an answer whose first call comes back without its signature is refused. */
const isSigned = (request: Received): boolean =>
  (request.json() as unknown as Wire).contents.every(({ parts }) => {
    const call = parts.find((part) => part.functionCall !== undefined)
    return call === undefined || call.thoughtSignature !== undefined
  })

const unsigned =
  '{"error":{"code":400,"message":"Function call is missing a thought_signature.","status":"INVALID_ARGUMENT"}}'

const answerOf = (parts: Part[], said: Said | undefined): Answer => ({
  candidates: [
    { index: 0, content: { role: 'model', parts }, ...(said && { finishReason: finishes[said.finish] }) },
  ],
  ...(said && {
    usageMetadata: {
      promptTokenCount: said.usage.input,
      cachedContentTokenCount: said.usage.cached,
      candidatesTokenCount: said.usage.output,
      totalTokenCount: said.usage.input + said.usage.output,
    },
  }),
  modelVersion: 'gemini-3-flash',
  responseId: 'wLdoaZ3fMZ6N1PIP',
})

const chunksOf = (said: Said): Answer[] => [
  ...partsOf(said).map((part) => answerOf([part], undefined)),
  answerOf([{ text: '' }], said),
]

/** As it stands on the wire: the SDK's `config` is spread over the body. */
interface Wire {
  readonly contents: readonly { readonly role: string; readonly parts: readonly Part[] }[]
  readonly systemInstruction?: { readonly parts: readonly Part[] }
  readonly tools?: readonly { readonly functionDeclarations?: readonly { readonly name: string }[] }[]
  readonly toolConfig?: { readonly functionCallingConfig?: { readonly mode?: string } }
  readonly generationConfig?: Pick<
    NonNullable<GenerateContentParameters['config']>,
    'stopSequences' | 'maxOutputTokens' | 'responseJsonSchema' | 'thinkingConfig'
  >
}

function askedOf(request: Received): Asked {
  const body = request.json() as unknown as Wire
  const turns: string[] = []
  const images: string[] = []
  for (const { role, parts } of body.contents) {
    for (const { text, inlineData, functionCall, functionResponse } of parts) {
      if (text !== undefined) turns.push(`${role === 'model' ? 'assistant' : role}: ${text}`)
      if (inlineData?.data !== undefined) images.push(inlineData.data)
      if (functionCall !== undefined)
        turns.push(callText(functionCall.name ?? '', JSON.stringify(functionCall.args)))
      if (functionResponse !== undefined)
        turns.push(`${functionResponse.name} → ${Object.values(functionResponse.response ?? {}).join('')}`)
    }
  }
  const config = body.generationConfig
  return {
    system: (body.systemInstruction?.parts ?? []).map(({ text }) => text ?? '').join('\n'),
    turns,
    tools: (body.tools ?? []).flatMap((tool) => (tool.functionDeclarations ?? []).map(({ name }) => name)),
    toolChoice: body.toolConfig?.functionCallingConfig?.mode === 'ANY' ? 'required' : undefined,
    images,
    schema: config?.responseJsonSchema,
    thinks: config?.thinkingConfig?.includeThoughts === true,
    stop: config?.stopSequences ?? [],
    maxTokens: config?.maxOutputTokens,
  }
}
