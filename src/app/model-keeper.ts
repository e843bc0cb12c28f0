import type { Settings } from '../config/schema.ts'
import { Failure } from '../core/failure.ts'
import type { Watch } from '../install/progress.ts'
import type { Models } from '../models/model.ts'

/** Brings models and takes them away by the names that clients of Ollama use. */
export const modelKeeper = (models: Models, config: () => Settings) => ({
  async pull(name: string, watch: Watch): Promise<void> {
    if (config().offline) {
      throw new Failure('network_unreachable', 'This server is set to be offline, and brings nothing.')
    }
    await models.pull(sourceOf(name, config()), watch)
  },
  remove: (name: string): Promise<void> => models.remove(sourceOf(name, config())),
})

/** What a row of the config says, else what the name means to Ollama: its own library, or the hub. */
export function sourceOf(name: string, { models }: Pick<Settings, 'models'>): string {
  const named = models[name]?.source
  if (named !== undefined) return named
  const onHub = /^(?:hf\.co|huggingface\.co)\/(.+)$/.exec(name)?.[1]
  return onHub === undefined ? `ollama:${name}` : `hf:${onHub}`
}
