import {
  BlockedReason,
  FinishReason,
  type Candidate,
  type CountTokensResponse,
  type EmbedContentResponse,
  type GenerateContentResponse,
  type Part,
} from '@google/genai'

import type { VendorStream } from './vendor-streams.ts'

const reference = 'https://ai.google.dev/api/generate-content'
const signatures = 'https://ai.google.dev/gemini-api/docs/thought-signatures'

type Answer = Pick<
  GenerateContentResponse,
  'candidates' | 'promptFeedback' | 'usageMetadata' | 'modelVersion' | 'responseId'
>

const head = { modelVersion: 'gemini-3-flash-preview', responseId: 'wLdoaZ3fMZ6N1PIP8r2I-Aw' } as const

const says = (parts: Part[], more: Candidate = {}): Candidate => ({
  content: { parts, role: 'model' },
  index: 0,
  ...more,
})

/** The thoughts are in no other figure, the cached tokens are in the prompt's. */
const usageMetadata = {
  promptTokenCount: 1117,
  cachedContentTokenCount: 1024,
  candidatesTokenCount: 20,
  thoughtsTokenCount: 40,
  totalTokenCount: 1177,
}

/** Two calls at once: only the first is signed. Ids as newer models give them. */
const tools = [
  {
    candidates: [says([{ text: '**Weather** first.', thought: true }])],
    usageMetadata: { promptTokenCount: 1117, thoughtsTokenCount: 40, totalTokenCount: 1157 },
    ...head,
  },
  { candidates: [says([{ text: 'Let me sée.' }])], usageMetadata, ...head },
  {
    candidates: [
      says([
        {
          functionCall: { id: '8f2b1a3c', name: 'get_weather', args: { city: 'Köln' } },
          thoughtSignature: 'EqsBCqgB+/8=',
        },
        { functionCall: { id: '9d4c', name: 'get_time', args: {} } },
      ]),
    ],
    usageMetadata,
    ...head,
  },
  { candidates: [says([{ text: '' }], { finishReason: FinishReason.STOP })], usageMetadata, ...head },
] satisfies Answer[]

/** The signature of an answer in words comes in a last part of its own. */
const text = [
  { candidates: [says([{ text: 'Grüß' }])], usageMetadata: { promptTokenCount: 3 }, ...head },
  { candidates: [says([{ text: ' Gott 🌟' }])], usageMetadata: { promptTokenCount: 3 }, ...head },
  {
    candidates: [
      says([{ text: '', thoughtSignature: 'CiQBcsjafA+/==' }], { finishReason: FinishReason.MAX_TOKENS }),
    ],
    usageMetadata: { promptTokenCount: 3, candidatesTokenCount: 5, totalTokenCount: 8 },
    ...head,
  },
] satisfies Answer[]

const filtered = [
  { candidates: [says([{ text: 'To make' }])], usageMetadata, ...head },
  { candidates: [{ finishReason: FinishReason.SAFETY, index: 0 }], usageMetadata, ...head },
] satisfies Answer[]

const malformed = [
  {
    candidates: [
      {
        finishReason: FinishReason.MALFORMED_FUNCTION_CALL,
        finishMessage: 'Malformed function call: print(',
        index: 0,
      },
    ],
    usageMetadata: { promptTokenCount: 12, totalTokenCount: 12 },
    ...head,
  },
] satisfies Answer[]

/** `google.rpc.Status`, with the time to wait. */
const breaks = [
  { candidates: [says([{ text: 'Once' }])], usageMetadata: { promptTokenCount: 3 }, ...head },
  {
    error: {
      code: 429,
      message: 'You exceeded your current quota.',
      status: 'RESOURCE_EXHAUSTED',
      details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '34.5s' }],
    },
  },
]

const blocked = {
  promptFeedback: { blockReason: BlockedReason.PROHIBITED_CONTENT },
  usageMetadata: { promptTokenCount: 7, totalTokenCount: 7 },
  ...head,
} satisfies Answer

const choices = {
  candidates: [
    says([{ text: 'Red', thoughtSignature: 'AAAA' }], {
      finishReason: FinishReason.STOP,
      citationMetadata: { citations: [{ startIndex: 0, endIndex: 3, uri: 'https://example.com/red' }] },
      logprobsResult: {
        chosenCandidates: [{ token: 'Red', logProbability: -0.25, tokenId: 7 }],
        topCandidates: [
          {
            candidates: [
              { token: 'Red', logProbability: -0.25 },
              { token: 'Blue', logProbability: -1.5 },
            ],
          },
        ],
      },
    }),
    says([{ executableCode: { code: 'print(1)' } }, { text: 'Blue' }], {
      index: 1,
      finishReason: FinishReason.STOP,
    }),
  ],
  usageMetadata: { promptTokenCount: 5, toolUsePromptTokenCount: 4, candidatesTokenCount: 2 },
  ...head,
} satisfies Answer

const vectors = {
  embeddings: [{ values: [0.25, -0.5] }, { values: [1, 0] }],
  usageMetadata: { promptTokenCount: 6 },
} satisfies Pick<EmbedContentResponse, 'embeddings' | 'usageMetadata'>

const count = { totalTokens: 31 } satisfies Pick<CountTokensResponse, 'totalTokens'>

/** `?alt=sse`: lines end with CR LF here. */
const sse = (values: readonly object[]): string =>
  values.map((value) => `data: ${JSON.stringify(value)}\r\n\r\n`).join('')
const whole = (value: object): string => `${JSON.stringify(value, null, 2)}\n`

export const geminiStreams: readonly VendorStream[] = [
  { file: 'gemini/tools.sse', source: signatures, text: sse(tools) },
  { file: 'gemini/text.sse', source: signatures, text: sse(text) },
  { file: 'gemini/filtered.sse', source: reference, text: sse(filtered) },
  { file: 'gemini/malformed.sse', source: reference, text: sse(malformed) },
  {
    file: 'gemini/error.sse',
    source: 'https://ai.google.dev/gemini-api/docs/troubleshooting',
    text: sse(breaks),
  },
  { file: 'gemini/blocked.json', source: reference, text: whole(blocked) },
  { file: 'gemini/choices.json', source: reference, text: whole(choices) },
  { file: 'gemini/embed.json', source: 'https://ai.google.dev/api/embeddings', text: whole(vectors) },
  { file: 'gemini/count.json', source: 'https://ai.google.dev/api/tokens', text: whole(count) },
]
