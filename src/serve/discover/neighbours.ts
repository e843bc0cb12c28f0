import type { Transport } from '../../core/send.ts'
import { createAsk } from './ask.ts'
import { engines } from './engines/index.ts'

/** An engine of somebody else’s that already answers on this machine. */
export interface Neighbour {
  /** The kind of backend that speaks its dialect. */
  readonly kind: string
  /** As a row of `backends` has it. */
  readonly url: string
  readonly version: string | undefined
  /** Models it lists; empty where it wants a key. */
  readonly models: readonly string[]
}

const usualPorts = [...new Set(engines.flatMap(({ ports }) => ports))]
const timeoutMs = 800

/** Asks the usual ports of this machine, all at once, without running a model. Never throws. */
export const findNeighbours = async (
  transport: Transport,
  ports: readonly number[] = usualPorts,
): Promise<Neighbour[]> => {
  const found = await Promise.all(ports.map((port) => identify(`http://127.0.0.1:${port}`, transport)))
  return found.filter((neighbour) => neighbour !== undefined)
}

const identify = async (root: string, transport: Transport): Promise<Neighbour | undefined> => {
  const ask = createAsk({ root, headers: {}, transport, timeoutMs })
  if ((await ask('/v1/models')) === undefined) return undefined
  for (const { id, base, recognise, models } of engines) {
    const mark = await recognise(ask)
    if (mark === undefined) continue
    const names = (await models(ask)).map(({ name }) => name)
    return { kind: id, url: root + base, version: mark.version, models: names }
  }
  return undefined
}
