import type { Transport } from '../core/send.ts'
import { createTransport } from '../net/index.ts'
import { proxyFromEnvironment } from '../net/proxy.ts'
import { findNeighbours, type Neighbour } from '../serve/discover/neighbours.ts'

/** What already answers on this machine. Never throws. */
export const neighboursHere = (): Promise<Neighbour[]> =>
  withTransport((transport) => findNeighbours(transport))

/** A way out for as long as `work` takes; through the proxy of the environment where one applies. */
export const withTransport = async <T>(work: (transport: Transport) => Promise<T>): Promise<T> => {
  const transport = createTransport({ proxyFor: proxyFromEnvironment(process.env) })
  try {
    return await work(transport)
  } finally {
    transport.close()
  }
}
