import type { ModelFacts } from '../../core/model-facts.ts'
import type { Ask } from './ask.ts'
import type { FoundModel } from './engine.ts'
import { count, known, object, objects, said, text, type Said } from './said.ts'

/** The entries of OpenAI’s list of models, below `/v1` or without it. Together’s is a list without an object around it. */
export const listed = async (ask: Ask): Promise<readonly Said[]> => {
  for (const path of ['/v1/models', '/models']) {
    const answer = await ask(path)
    const entries = objects(said(answer)['data'] ?? (answer?.status === 200 ? answer.json : undefined))
    if (entries.length > 0) return entries
  }
  return []
}

/** Who it says its models belong to. */
export const ownedBy = async (ask: Ask, owner: string): Promise<boolean> =>
  (await listed(ask)).some((entry) => entry['owned_by'] === owner)

/** Each entry with an `id`, and what `facts` reads of it. */
export const modelsOf = (
  entries: readonly Said[],
  facts: (entry: Said) => ModelFacts = commonFacts,
): readonly FoundModel[] =>
  entries.flatMap((entry) => {
    const name = text(entry['id'])
    return name === undefined ? [] : [{ name, facts: facts(entry) }]
  })

/** The fields beside OpenAI’s own that many servers fill: vLLM’s, OpenRouter’s and LM Studio’s names of the context. */
export const commonFacts = (entry: Said): ModelFacts =>
  known({
    context:
      count(entry['max_model_len']) ?? count(entry['context_length']) ?? count(entry['context_window']),
    trainedContext: count(object(entry['meta'])['n_ctx_train']),
  })
