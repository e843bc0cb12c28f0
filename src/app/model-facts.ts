import type { Settings } from '../config/schema.ts'
import type { Capability, ModelFacts } from '../core/model-facts.ts'
import type { Model } from '../models/model.ts'
import { engineKindOf } from '../serve/engines/kinds/index.ts'
import { defined } from './defined.ts'

type Row = Settings['models'][string]

/** What a model's file says of it, and what its row makes of that. Vision comes with the image part. */
export function localFacts({ facts, bytes, digest, files }: Model, row: Row): ModelFacts {
  const { chatTemplate, contextLength, embeddingLength, architecture, parameters, quantisation } = facts
  const { context = engineKindOf(row.engine).defaults.context } = row
  const template = row.template ?? chatTemplate
  const sees = row.mmproj !== undefined || files.some(({ role }) => role === 'projector')
  return {
    capabilities: capabilitiesOf(facts, row, template, sees),
    parameters,
    quantization: quantisation,
    sizeBytes: bytes,
    digest: `sha256:${digest}`,
    ...defined({
      context: context === 0 ? contextLength : context,
      trainedContext: contextLength,
      architecture,
      template,
      dimensions: embeddingLength,
    }),
  }
}

function capabilitiesOf(
  { hasChatTemplate, fillsIn = false, onlyEmbeds = false }: Model['facts'],
  row: Row,
  template: string | undefined,
  sees: boolean,
): readonly Capability[] {
  // An engine that ranks does nothing else.
  if (row.pooling === 'rank') return ['rerank']
  if (onlyEmbeds) return ['embed']
  const can: Record<Capability, boolean> = {
    chat: hasChatTemplate || template !== undefined,
    complete: true,
    embed: row.pooling !== 'none',
    rerank: false,
    // A template that never speaks of tools shows the model none.
    tools: /\btools\b/.test(template ?? ''),
    vision: sees,
    audio: false,
    thinking: /<think>|enable_thinking|reasoning_content/.test(template ?? ''),
    insert: fillsIn,
  }
  return (Object.keys(can) as Capability[]).filter((word) => can[word])
}
