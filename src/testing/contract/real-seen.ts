import { rename } from 'node:fs/promises'

const file = `${import.meta.dir}/../../../fixtures/engines-seen.json`

/** What was seen of a real engine, when the contract was last recorded with it. */
export interface EngineSeen {
  readonly version: string
  /** `YYYY-MM-DD` */
  readonly date: string
  /** By surface: the cases that held, as `id form`. */
  readonly held: Readonly<Record<string, readonly string[]>>
}

/** By the id of the engine. */
export type EnginesSeen = Readonly<Record<string, EngineSeen>>

export const readEnginesSeen = async (): Promise<EnginesSeen> => (await Bun.file(file).json()) as EnginesSeen

export async function recordEngine(id: string, seen: EngineSeen): Promise<void> {
  await Bun.write(`${file}.new`, `${JSON.stringify({ ...(await readEnginesSeen()), [id]: seen }, null, 2)}\n`)
  await rename(`${file}.new`, file)
}
