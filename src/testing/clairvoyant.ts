/** A load for a few places: whose turn the requests are in their order, and how many of them are there at once. */
export interface SwapLoad {
  /** The model of each request, in the order in which the clients take them. */
  readonly rows: readonly string[]
  /** Clients: each has one request at a time, so that no more are known to the scheduler. */
  readonly clients: number
  /** Models loaded at once. */
  readonly places: number
  /** Later requests for other models that may go before a request. */
  readonly patience: number
}

/**
 * The fewest times that a model must be unloaded for another, by a scheduler that knows all requests from the start but
 * may let nobody wait for longer than the others do; Infinity where nobody can keep to that. Pure.
 *
 * Of the requests for one model the oldest goes first without loss, so that how many of each were served, and what is
 * loaded, is all there is to a state: a shortest path, in which serving costs nothing and loading costs one.
 */
export const fewestSwaps = (load: SwapLoad): number => {
  const { rows, clients, places, patience } = load
  const models = [...new Set(rows)]
  const queues = models.map((model) => rows.flatMap((row, at) => (row === model ? [at] : [])))
  const start: State = { served: models.map(() => 0), loaded: [] }
  let layer = new Map([[nameOf(start), start]])
  const seen = new Set(layer.keys())
  for (let loads = 0; layer.size > 0; loads++) {
    // All that can be reached without another load.
    const open = [...layer.values()]
    for (let state = open.pop(); state !== undefined; state = open.pop()) {
      const { served } = state
      const inAll = sum(served)
      if (inAll === rows.length) return Math.max(0, loads - Math.min(places, models.length))
      for (const model of state.loaded) {
        const request = queues[model]?.[served[model] ?? 0]
        if (request === undefined || request >= inAll + clients) continue
        const after = { ...state, served: served.with(model, (served[model] ?? 0) + 1) }
        if (
          queues.some(
            (queue, other) => other !== model && overtaken(queue, other, after.served, queues) > patience,
          )
        )
          continue
        const name = nameOf(after)
        if (seen.has(name)) continue
        seen.add(name)
        layer.set(name, after)
        open.push(after)
      }
    }
    layer = withLoads(layer, models.length, places, seen)
  }
  return Number.POSITIVE_INFINITY
}

interface State {
  /** By model: how many of its requests were served. */
  readonly served: readonly number[]
  /** Models, ascending. */
  readonly loaded: readonly number[]
}

const nameOf = ({ served, loaded }: State): string => `${served.join(',')};${loaded.join(',')}`
const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0)

/** How many later requests for other models went before the oldest that is left of this one. */
const overtaken = (
  queue: readonly number[],
  model: number,
  served: readonly number[],
  queues: readonly (readonly number[])[],
): number => {
  const oldest = queue[served[model] ?? 0]
  if (oldest === undefined) return 0
  return sum(
    queues.map((other, at) => {
      if (at === model) return 0
      return other.slice(0, served[at]).filter((request) => request > oldest).length
    }),
  )
}

/** The states that one load more leads to, in a free place or in that of another model. */
const withLoads = (
  states: ReadonlyMap<string, State>,
  models: number,
  places: number,
  seen: Set<string>,
): Map<string, State> => {
  const next = new Map<string, State>()
  for (const { served, loaded } of states.values()) {
    for (let model = 0; model < models; model++) {
      if (loaded.includes(model)) continue
      const victims = loaded.length < places ? [undefined] : loaded
      for (const victim of victims) {
        const kept = loaded.filter((one) => one !== victim)
        const state = { served, loaded: [...kept, model].toSorted((a, b) => a - b) }
        const name = nameOf(state)
        if (seen.has(name)) continue
        seen.add(name)
        next.set(name, state)
      }
    }
  }
  return next
}
