import type { Device } from './devices.ts'
import type { EngineRow, EngineSettings } from './engine.ts'
import { bytesOn, type Loaded, type Need, type Room } from './place.ts'
import type { EngineProcess } from './process.ts'

/** A row that has a process, or is getting one. */
export interface Running {
  readonly row: EngineRow
  readonly memoryBytes: number
  /** Numbers of the accelerators that are its own. */
  readonly devices: readonly number[] | undefined
  /** It takes all that these have. */
  readonly wholeGpus: boolean
  /** Ends a start that is under way. */
  readonly abort: AbortController
  state: 'loading' | 'ready' | 'stopping'
  /** Settles when the start has come to its end. */
  started: Promise<void>
  process?: EngineProcess
  loadMs?: number
  readyAt: number
  inUse: number
  lastGrant: number
  /** When it was last in use. */
  usedAt: number
  /** Its row has changed. */
  stale: boolean
  idle?: ReturnType<typeof setTimeout>
}

/**
 * What was in use a moment ago is not unloaded while there is other work: it would soon be loaded again. A moment is
 * what two loads take, and with fast ones as long as small requests do.
 */
const momentMs = (loadMs: number): number => Math.max(3000, 2 * loadMs)

/** `movedAt`: when a model last came or went; until then the others may have had no chance. */
export const awaitedUntil = ({ usedAt, loadMs = 0 }: Running, movedAt: number): number =>
  Math.max(usedAt, movedAt) + momentMs(loadMs)

/** As the schedule sees it. Pure. */
export const loadedOf = (running: Running, tick: number, movedAt: number): Loaded => ({
  row: running.row.row,
  state: running.state === 'ready' ? 'ready' : 'moving',
  inUse: running.inUse,
  slots: running.row.slots,
  memoryBytes: running.memoryBytes,
  devices: running.devices,
  wholeGpus: running.wholeGpus,
  pinned: running.row.pinned ?? false,
  stale: running.stale,
  awaited: tick < awaitedUntil(running, movedAt),
  lastGrant: running.lastGrant,
})

/** What models may take here. Pure. */
export const roomOf = (settings: EngineSettings, devices: readonly Device[]): Room => {
  const { maxLoaded, memoryBytes = Infinity, gpuMemoryBytes = Infinity } = settings
  // Of what nobody says there is much, but not so much that two could have all of it.
  const capacity = ({ memoryBytes: own = Number.MAX_SAFE_INTEGER }: Device) => Math.min(own, gpuMemoryBytes)
  return { maxLoaded, memoryBytes, devices: devices.map(capacity) }
}

/** The memory that a model takes where it was placed. Pure. */
export const takenBy = (need: Need, devices: readonly number[] | undefined, room: Room): number =>
  devices === undefined || devices.length === 0
    ? need.memoryBytes
    : devices.reduce((sum, device) => sum + bytesOn(need, devices, device, room), 0)
