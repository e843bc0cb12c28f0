import type { Engine } from '../engine.ts'
import { inhouse } from './inhouse.ts'
import { llamaServer } from './llama-server.ts'
import { lmStudio } from './lm-studio.ts'
import { localai } from './localai.ts'
import { ollama } from './ollama.ts'
import { openAiCompatible } from './openai-compatible.ts'
import { sglang } from './sglang.ts'
import { tgi } from './tgi.ts'
import { vllm } from './vllm.ts'

/** In the order in which they are asked for: programs that play another one’s interface come before the one they play. */
export const engines: readonly Engine[] = [
  inhouse,
  localai,
  lmStudio,
  llamaServer,
  tgi,
  sglang,
  vllm,
  ollama,
  openAiCompatible,
]
