import { asFailure } from '../core/failure.ts'
import { isThere, readFile, statOf } from './file.ts'
import type { Loaded } from './load.ts'

const lookEveryMs = 500

type Read = Pick<Loaded, 'places' | 'file' | 'text'>

/**
 * Calls back when the config that was read is not the one that is there. The files' facts are polled: editors and
 * Kubernetes put a new file in the place of the old one, and a watched folder would report every write to the store,
 * which often stands beside it. Answers a function that ends it.
 */
export function watchConfig(read: Read, changed: () => void): () => void {
  const look = lookAt(read)
  const timer = setInterval(() => {
    if (look()) changed()
  }, lookEveryMs)
  timer.unref()
  return () => clearInterval(timer)
}

/**
 * Answers true, once a change, when there is another text at the first of the places that has a file, and it has been
 * still for one look: written, put there anew, or gone.
 */
export function lookAt({ places, file, text }: Read): () => boolean {
  // A pipe (`--config <(…)`) has said what it had to say.
  if (file !== undefined && statOf(file)?.isFIFO() === true) return () => false
  let known = file === undefined ? undefined : text
  let seen: string | undefined
  let isMoving = false
  return () => {
    const facts = factsOf(places)
    if (facts !== seen) {
      seen = facts
      isMoving = true
      return false
    }
    if (!isMoving) return false
    isMoving = false
    const before = known
    known = textOf(places)
    return known !== before
  }
}

/** The place that counts, and what differs when its file does; empty where there is none. */
function factsOf(places: readonly string[]): string {
  const place = places.find(isThere)
  const stat = place === undefined ? undefined : statOf(place)
  return stat === undefined ? '' : `${place} ${stat.dev} ${stat.ino} ${stat.size} ${stat.ctimeMs}`
}

/** Undefined where there is no file; why it cannot be read, where it cannot. */
function textOf(places: readonly string[]): string | undefined {
  const place = places.find(isThere)
  if (place === undefined) return undefined
  try {
    return readFile(place, place)
  } catch (thrown) {
    return asFailure(thrown).message
  }
}
