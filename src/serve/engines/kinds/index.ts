import { Failure } from '../../../core/failure.ts'
import { command } from './command.ts'
import type { EngineKind } from './kind.ts'
import { llamaServer } from './llama-server.ts'
import { mlxLm } from './mlx-lm.ts'
import { ollama } from './ollama.ts'
import { sglang } from './sglang.ts'
import { vllm } from './vllm.ts'

export type { EngineKind } from './kind.ts'

/** All kinds of engines; the first is the one where a row says nothing. */
export const engineKinds = [
  llamaServer,
  vllm,
  sglang,
  ollama,
  mlxLm,
  command,
] as const satisfies readonly EngineKind[]

export const defaultEngine = llamaServer.id
export const engineIds = engineKinds.map(({ id }) => id)

/** The kind of a row that the schema has passed. */
export const engineKindOf = (id: string = defaultEngine): EngineKind => {
  const kind = engineKinds.find((each) => each.id === id)
  if (kind === undefined) throw new Failure('config_invalid', `There is no kind of engine called ${id}.`)
  return kind
}
