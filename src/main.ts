import { main } from './cli/main.ts'

const hardEndMs = 5000

/** SIGTERM first, so that calls under way are settled; the hard end follows if that hangs. */
function endSoon(): void {
  process.kill(process.pid, 'SIGTERM')
  setTimeout(() => process.exit(1), hardEndMs).unref()
}

/**
 * The launcher holds the other end of this pipe: when it closes, however that came about, this process ends too.
 * Returns how to stop watching.
 */
function endWithParent(): () => void {
  const fd = Number(process.env['INHOUSE_PARENT_FD'] ?? '')
  delete process.env['INHOUSE_PARENT_FD']
  if (!Number.isInteger(fd) || fd < 3) return () => {}
  const pipe = Bun.file(fd).stream().getReader()
  let watching = true
  const gone = (): void => {
    if (watching) endSoon()
  }
  pipe.read().then(gone, gone)
  return () => {
    watching = false
    void pipe.cancel()
  }
}

/** The same where there is no launcher between npm and this process: npm hands no SIGTERM on. */
function endWithNpm(): () => void {
  const parent = process.ppid
  const watch = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(watch)
    endSoon()
  }, 500)
  watch.unref()
  return () => clearInterval(watch)
}

const isBelowNpm = process.env['npm_command'] !== undefined && process.env['INHOUSE_PARENT_FD'] === undefined
const stopWatching = isBelowNpm ? endWithNpm() : endWithParent()
try {
  process.exitCode = await main(process.argv.slice(2))
} finally {
  stopWatching()
}
