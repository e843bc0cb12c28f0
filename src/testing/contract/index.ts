import type { ClientParts, ContractClient } from './client.ts'
import { anthropicClient } from './clients/anthropic-messages.ts'
import { ollamaClient } from './clients/ollama-chat.ts'
import { openAiChatClient } from './clients/openai-chat.ts'
import { openAiResponsesClient } from './clients/openai-responses.ts'
import { anthropicUpstream } from './upstreams/anthropic.ts'
import { geminiUpstream } from './upstreams/gemini.ts'
import { ollamaUpstream } from './upstreams/ollama.ts'
import { openAiResponsesUpstream } from './upstreams/openai-responses.ts'
import { openAiUpstream } from './upstreams/openai.ts'
import type { ContractUpstream } from './upstream.ts'

/** By the id of the surface. */
export const contractClients: Readonly<Record<string, (parts: ClientParts) => ContractClient>> = {
  'openai-chat': openAiChatClient,
  'openai-responses': openAiResponsesClient,
  'anthropic-messages': anthropicClient,
  'ollama-chat': ollamaClient,
}

export const contractUpstreams: readonly ContractUpstream[] = [
  openAiUpstream,
  openAiResponsesUpstream,
  anthropicUpstream,
  ollamaUpstream,
  geminiUpstream,
]
