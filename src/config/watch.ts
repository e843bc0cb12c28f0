import { readFileSync, watch } from 'node:fs'
import { dirname } from 'node:path'

/** Editors write in several steps: so long nothing must happen before the file counts as written. */
const settleMs = 200

/**
 * Calls back when the file's text has changed. The folder is watched and not the file: editors and Kubernetes put a
 * new file in the place of the old one. Answers a function that ends it. Some file systems cannot be watched: there
 * SIGHUP remains.
 */
export function watchConfig(file: string, changed: () => void): () => void {
  let text = textOf(file)
  let timer: ReturnType<typeof setTimeout> | undefined
  const look = (): void => {
    const now = textOf(file)
    if (now === text) return
    text = now
    changed()
  }
  const soon = (): void => {
    clearTimeout(timer)
    timer = setTimeout(look, settleMs)
    timer.unref()
  }
  const watching = watchFolder(dirname(file), soon)
  return () => {
    clearTimeout(timer)
    watching?.close()
  }
}

/** Undefined while it cannot be read. */
function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

function watchFolder(folder: string, happened: () => void): { close(): void } | undefined {
  try {
    const watching = watch(folder, { persistent: false }, happened)
    watching.on('error', () => {})
    return watching
  } catch {
    return undefined
  }
}
