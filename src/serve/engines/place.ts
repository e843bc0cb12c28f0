/** What a model takes where it runs. */
export interface Need {
  /** In all; of its accelerators each has an equal part. */
  readonly memoryBytes: number
  /** So many accelerators for itself, or these by number; undefined: it needs none of its own. */
  readonly gpus?: number | readonly number[] | undefined
  /** It takes all that its accelerators have. */
  readonly wholeGpus?: boolean
}

/** A model that has a process. */
export interface Loaded {
  readonly row: string
  /** `moving`: it is being loaded or unloaded. */
  readonly state: 'ready' | 'moving'
  readonly inUse: number
  readonly slots: number
  readonly memoryBytes: number
  /** The accelerators that it was given, by number; undefined: it has none of its own. */
  readonly devices?: readonly number[] | undefined
  /** It takes all that these have. */
  readonly wholeGpus?: boolean
  readonly pinned: boolean
  /** Its row has changed: it serves what it has, and goes. */
  readonly stale: boolean
  /** It was in use a moment ago: less than it would take to load it again. */
  readonly awaited: boolean
  /** Grows: when it was loaded, or last given to a request. */
  readonly lastGrant: number
}

export interface Room {
  readonly maxLoaded: number
  /** For the models without accelerators of their own. */
  readonly memoryBytes: number
  /** What each accelerator has for models of its own. */
  readonly devices: readonly number[]
}

export interface Plan {
  /** Who must go before: idle ones first, then those that were not asked for the longest. */
  readonly victims: readonly Loaded[]
  readonly devices: readonly number[] | undefined
}

interface World {
  readonly loaded: readonly Loaded[]
  readonly room: Room
}

/** How a model can be loaded, with as few as possible unloaded. Undefined: not even if all others go that may. Pure. */
export const place = (row: string, need: Need, world: World): Plan | undefined => {
  const devices = chooseDevices(row, need, world)
  if (devices === 'none') return undefined
  const victims = makeRoom(row, need, devices, world)
  return victims && { victims, devices }
}

/** What a model takes of one of its accelerators. */
export const bytesOn = (
  { wholeGpus = false, memoryBytes }: Pick<Need, 'memoryBytes' | 'wholeGpus'>,
  devices: readonly number[],
  device: number,
  room: Room,
): number => (wholeGpus ? (room.devices[device] ?? 0) : memoryBytes / devices.length)

const chooseDevices = (row: string, need: Need, world: World): readonly number[] | undefined | 'none' => {
  const { gpus } = need
  const all = world.room.devices.map((_, device) => device)
  if (gpus === undefined) return undefined
  if (typeof gpus !== 'number') return gpus.every((device) => all.includes(device)) ? gpus : 'none'
  const part = { ...need, memoryBytes: need.memoryBytes / gpus }
  const costs = all.flatMap((device) => {
    const victims = makeRoom(row, part, [device], world)
    return victims === undefined ? [] : [{ device, victims, free: freeOf(device, world) }]
  })
  const best = costs.toSorted(
    (a, b) =>
      busyOf(a.victims) - busyOf(b.victims) ||
      a.victims.length - b.victims.length ||
      newest(a.victims) - newest(b.victims) ||
      // The fullest that has room: what is empty stays for a model that needs all of it.
      a.free - b.free,
  )
  const chosen = best.slice(0, gpus).map(({ device }) => device)
  return chosen.length < gpus ? 'none' : chosen.toSorted((a, b) => a - b)
}

const freeOf = (device: number, { loaded, room }: World): number =>
  (room.devices[device] ?? 0) - used(loaded, device, room)

const busyOf = (victims: readonly Loaded[]): number => victims.filter((model) => model.inUse > 0).length
const newest = (victims: readonly Loaded[]): number => Math.max(0, ...victims.map((model) => model.lastGrant))

const used = (loaded: readonly Loaded[], device: number, room: Room): number =>
  loaded.reduce(
    (sum, model) =>
      model.devices?.includes(device) === true ? sum + bytesOn(model, model.devices, device, room) : sum,
    0,
  )

/** The models that must go before `row` can be loaded onto these accelerators. */
const makeRoom = (
  row: string,
  need: Need,
  devices: readonly number[] | undefined,
  { loaded, room }: World,
): readonly Loaded[] | undefined => {
  const onMachine = devices === undefined || devices.length === 0 ? need.memoryBytes : 0
  const lacks = (kept: readonly Loaded[]): ((model: Loaded) => boolean) | undefined => {
    if (kept.length + 1 > room.maxLoaded) return () => true
    const taken = kept.reduce((sum, model) => (isOnMachine(model) ? sum + model.memoryBytes : sum), onMachine)
    if (taken > room.memoryBytes) return isOnMachine
    const full = devices?.find(
      (device) =>
        used(kept, device, room) + bytesOn(need, devices, device, room) > (room.devices[device] ?? 0),
    )
    return full === undefined ? undefined : (model) => model.devices?.includes(full) === true
  }
  const own = loaded.filter((model) => model.row === row)
  let kept = loaded.filter((model) => model.row !== row)
  const victims: Loaded[] = []
  for (let helps = lacks(kept); helps !== undefined; helps = lacks(kept)) {
    const victim = kept
      .filter((model) => (model.stale || !model.pinned) && helps?.(model))
      .toSorted(byWorth)[0]
    if (victim === undefined) return undefined
    victims.push(victim)
    kept = kept.filter((model) => model !== victim)
  }
  // What went for one thing may have been enough for all.
  for (const victim of victims.toReversed()) {
    if (lacks([...kept, victim]) !== undefined) continue
    kept = [...kept, victim]
    victims.splice(victims.indexOf(victim), 1)
  }
  return [...own, ...victims]
}

const isOnMachine = ({ devices }: Loaded): boolean => devices === undefined || devices.length === 0

const byWorth = (a: Loaded, b: Loaded): number =>
  Number(a.inUse > 0) - Number(b.inUse > 0) || a.lastGrant - b.lastGrant
