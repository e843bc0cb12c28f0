import type { Finding } from '../config/issues.ts'
import type { Settings } from '../config/schema.ts'
import { Failure, asFailure } from '../core/failure.ts'
import { findEngine } from '../serve/engines/find.ts'
import { readMachine } from '../serve/engines/machine.ts'
import { engineSettings, managedRows } from './local-models.ts'

type Env = Readonly<Record<string, string | undefined>>

/** The rows with words for a llama-server. */
const wordyRows = (config: Settings) =>
  managedRows(config).filter(
    ([, { engine = 'llama-server', extraArgs }]) => engine === 'llama-server' && extraArgs !== undefined,
  )

/** Nearly no config asks anything that the engine at hand might not do. */
export const asksOfEngine = (config: Settings): boolean =>
  wordyRows(config).length > 0 || engineSettings(config).llamaServer !== undefined

/** What the config asks of llama.cpp that the one on this machine, or the one that would be brought, does not do. */
export async function engineMistakes(config: Settings, home: string, env: Env): Promise<readonly Finding[]> {
  if (!asksOfEngine(config)) return []
  const settings = engineSettings(config)
  const wordy = wordyRows(config)
  const machine = await readMachine()
  const found = await findEngine({ home, settings, machine, env }).catch(asFailure)
  if (found instanceof Failure && settings.llamaServer !== undefined) {
    return [{ path: ['engines', 'llamaServer'], text: `cannot be used: ${found.message}` }]
  }
  const isPackage = found instanceof Failure ? found.code === 'engine_missing' : found.kind === 'xllamacpp'
  if (!isPackage) return []
  const text = 'is for a llama-server of your own: name one in `engines.llamaServer`, or put it on PATH'
  return wordy.map(([name]) => ({ path: ['models', name, 'extraArgs'], text }))
}
