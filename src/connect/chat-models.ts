import type { ServedModel } from './tool.ts'

/** Those that chat; one of which nothing is known may. */
export const chatModels = (models: readonly ServedModel[]): readonly ServedModel[] =>
  models.filter(({ capabilities }) => capabilities === undefined || capabilities.includes('chat'))
