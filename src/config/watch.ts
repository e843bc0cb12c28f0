import { readFileSync, statSync } from 'node:fs'

const lookEveryMs = 500

/**
 * Calls back when the file's text has changed and has been still for one look. The file's facts are polled: editors and
 * Kubernetes put a new file in the place of the old one, and a watched folder would report every write to the store,
 * which often stands beside it. Answers a function that ends it.
 */
export function watchConfig(file: string, changed: () => void): () => void {
  let text = textOf(file)
  let seen = factsOf(file)
  let moving = false
  const look = (): void => {
    const facts = factsOf(file)
    if (facts !== seen) {
      seen = facts
      moving = true
    } else if (moving) {
      moving = false
      const now = textOf(file)
      if (now === text) return
      text = now
      changed()
    }
  }
  const timer = setInterval(look, lookEveryMs)
  timer.unref()
  return () => clearInterval(timer)
}

/** What differs when the file does; empty while it is not there. */
function factsOf(file: string): string {
  const stat = statSync(file, { throwIfNoEntry: false })
  return stat === undefined ? '' : `${stat.ino} ${stat.size} ${stat.mtimeMs}`
}

/** Undefined while it cannot be read. */
function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
