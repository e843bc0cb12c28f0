import { isAbove, type Label } from '../../core/label.ts'
import type { Place } from '../../core/place.ts'
import type { Door, Transport } from '../../core/send.ts'
import type { Reason } from '../../core/decision.ts'
import { Failure } from '../../core/failure.ts'

export interface DoorSettings {
  /** A deployment that may not reach third parties at all. */
  readonly offline: boolean
}

/** What went through to one place since the start. */
export interface Passage {
  readonly place: string
  readonly calls: number
  readonly bytes: number
  readonly refused: number
}

export interface CountingDoor extends Door {
  /** Counts by place, in the order in which places were first met. */
  passages(): readonly Passage[]
}

/** The reason why a request with this label may not go to this place; undefined when it may pass. */
export const mayPass = (label: Label, place: Place, settings: DoorSettings): Reason | undefined => {
  if (settings.offline && place.kind === 'third-party') {
    return { code: 'offline', text: `This deployment is offline, and ${place.name} is a third party.` }
  }
  if (isAbove(label, place.clearance)) {
    return {
      code: 'above_clearance',
      text: `The request is ${label}; ${place.name} may see up to ${place.clearance}.`,
    }
  }
  return undefined
}

/** The one door out: the only holder of the transport. Throws `Failure('place_not_cleared')` before a socket is opened. */
export const createDoor = (transport: Transport, settings: () => DoorSettings): CountingDoor => {
  const counts = new Map<string, { place: string; calls: number; bytes: number; refused: number }>()

  const countOf = (place: Place) => {
    const known = counts.get(place.name)
    if (known !== undefined) return known
    const fresh = { place: place.name, calls: 0, bytes: 0, refused: 0 }
    counts.set(place.name, fresh)
    return fresh
  }

  return {
    sendTo(place) {
      const count = countOf(place)
      return (call, label) => {
        const reason = mayPass(label, place, settings())
        if (reason !== undefined) {
          count.refused += 1
          return Promise.reject(new Failure('place_not_cleared', reason.text))
        }
        count.calls += 1
        count.bytes += call.body?.byteLength ?? 0
        return transport(call)
      }
    },
    passages: () => [...counts.values()],
  }
}
