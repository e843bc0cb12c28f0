import { isAbove, type Label } from '../../core/label.ts'
import type { Place } from '../../core/place.ts'
import type { Door, Transport } from '../../core/send.ts'
import type { Reason } from '../../core/decision.ts'
import { Failure } from '../../core/failure.ts'

export interface DoorSettings {
  /** A deployment that may not reach third parties at all. */
  readonly offline: boolean
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

/** The one door out: the only holder of the transport. Throws `Failure('offline' | 'place_not_cleared')` before a socket is opened. */
export const createDoor = (transport: Transport, settings: () => DoorSettings): Door => ({
  sendTo: (place) => (call, label) => {
    const reason = mayPass(label, place, settings())
    if (reason === undefined) return transport(call)
    const code = reason.code === 'offline' ? 'offline' : 'place_not_cleared'
    return Promise.reject(new Failure(code, reason.text))
  },
})
