/** A request that waits for its model. Numbers grow in the order of arrival. */
export interface Waiting {
  readonly id: number
  readonly row: string
  /** Later requests for other models that went before it. */
  readonly overtaken: number
}

/** A model that has a process. */
export interface Loaded {
  readonly row: string
  /** `moving`: it is being loaded or unloaded. */
  readonly state: 'ready' | 'moving'
  readonly inUse: number
  readonly slots: number
  readonly memoryBytes: number
  readonly pinned: boolean
  /** Its row has changed: it serves what it has, and goes. */
  readonly stale: boolean
  /** Grows: when it was loaded, or last given to a request. */
  readonly lastGrant: number
}

export interface Room {
  readonly maxLoaded: number
  readonly memoryBytes: number
  readonly patience: number
}

export interface Situation {
  /** In the order of arrival. */
  readonly waiting: readonly Waiting[]
  readonly loaded: readonly Loaded[]
  readonly room: Room
  /** What a model that is not loaded would take. */
  readonly memoryOf: (row: string) => number
}

export type Action =
  | { readonly do: 'grant'; readonly id: number; readonly row: string }
  | { readonly do: 'load'; readonly row: string }
  | { readonly do: 'unload'; readonly row: string }
  /** It can never be loaded beside the pinned models. */
  | { readonly do: 'refuse'; readonly row: string }

/**
 * What to do next; undefined: wait until something changes. Pure. Requests for loaded models go first, together, so
 * that A B A A C loads each model once. But when `patience` later requests have gone before the oldest one that needs
 * a swap, the model that must make room for it takes no more of the later ones. One model moves at a time; what is in
 * use or pinned is never unloaded.
 */
export const next = (situation: Situation): Action | undefined => {
  const { waiting, loaded } = situation
  const usable = new Map(loaded.filter((model) => !model.stale).map((model) => [model.row, model]))
  const first = waiting.find((request) => !usable.has(request.row))
  const victims = first === undefined ? [] : makeRoom(situation, first.row)
  const draining = first !== undefined && first.overtaken >= situation.room.patience ? victims : []
  for (const { id, row } of waiting) {
    const model = usable.get(row)
    if (model === undefined || model.state !== 'ready' || model.inUse >= model.slots) continue
    if (first !== undefined && id > first.id && draining?.includes(model)) continue
    return { do: 'grant', id, row }
  }
  if (loaded.some((model) => model.state === 'moving')) return undefined
  const stale = loaded.find((model) => model.stale && model.inUse === 0)
  if (stale !== undefined) return { do: 'unload', row: stale.row }
  if (first === undefined) return undefined
  if (victims === undefined) return { do: 'refuse', row: first.row }
  if (victims.length === 0) return { do: 'load', row: first.row }
  const idle = victims.find((model) => model.inUse === 0)
  return idle && { do: 'unload', row: idle.row }
}

/** The models that must go before `row` can be loaded: idle ones first, then the longest not asked. Undefined: even that is not enough. */
const makeRoom = ({ loaded, room, memoryOf }: Situation, row: string): readonly Loaded[] | undefined => {
  let count = loaded.length + 1
  let bytes = loaded.reduce((sum, model) => sum + model.memoryBytes, memoryOf(row))
  const victims: Loaded[] = []
  const candidates = loaded
    .filter((model) => model.stale || !model.pinned)
    .toSorted(
      (a, b) =>
        Number(b.row === row) - Number(a.row === row) || busy(a) - busy(b) || a.lastGrant - b.lastGrant,
    )
  for (const model of candidates) {
    if (count <= room.maxLoaded && bytes <= room.memoryBytes && model.row !== row) break
    victims.push(model)
    count -= 1
    bytes -= model.memoryBytes
  }
  return count <= room.maxLoaded && bytes <= room.memoryBytes ? victims : undefined
}

const busy = (model: Loaded): number => Number(model.inUse > 0)

/** Who is still waiting after `granted` went. */
export const afterGrant = (waiting: readonly Waiting[], granted: Pick<Waiting, 'id' | 'row'>): Waiting[] =>
  waiting
    .filter((request) => request.id !== granted.id)
    .map((request) =>
      request.id < granted.id && request.row !== granted.row
        ? { id: request.id, row: request.row, overtaken: request.overtaken + 1 }
        : request,
    )
