import { Failure } from '../../core/failure.ts'
import { probe, type Found } from '../../serve/discover/probe.ts'
import { findNeighbours } from '../../serve/discover/neighbours.ts'
import type { Context } from '../context.ts'
import { withTransport } from '../looking.ts'

/** The engines that answer on this machine, with what they tell of their models; not another inhouse. */
export const foundHere = async (context: Context): Promise<readonly Found[]> => {
  const bars = context.bars()
  bars.onProgress({ label: 'Looking for engines on this machine', done: 0 })
  return withTransport(async (transport) => {
    const neighbours = await findNeighbours(transport)
    const found = await Promise.all(
      neighbours.map(({ url }) =>
        // It may be gone by now.
        probe(url, { transport }).catch((thrown: unknown) => {
          if (thrown instanceof Failure) return undefined
          throw thrown
        }),
      ),
    )
    return found.filter((each) => each !== undefined).filter(({ title }) => title !== 'inhouse')
  }).finally(bars.clear)
}
