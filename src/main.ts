import { main } from './cli/main.ts'

/**
 * The launcher holds the other end of this pipe: when it closes, however that came about, this process ends too.
 * SIGTERM first, so that calls under way are settled; the hard end follows if that hangs. Returns how to stop watching.
 */
function endWithParent(): () => void {
  const fd = Number(process.env['INHOUSE_PARENT_FD'] ?? '')
  delete process.env['INHOUSE_PARENT_FD']
  if (!Number.isInteger(fd) || fd < 3) return () => {}
  const pipe = Bun.file(fd).stream().getReader()
  let watching = true
  const gone = (): void => {
    if (!watching) return
    process.kill(process.pid, 'SIGTERM')
    setTimeout(() => process.exit(1), 5000).unref()
  }
  pipe.read().then(gone, gone)
  return () => {
    watching = false
    void pipe.cancel()
  }
}

const stopWatching = endWithParent()
try {
  process.exitCode = await main(process.argv.slice(2))
} finally {
  stopWatching()
}
