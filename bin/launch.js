import { spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const require = createRequire(import.meta.url)
const cpu = { arm64: 'aarch64', x64: 'x64' }[process.arch] ?? process.arch
const names =
  process.platform === 'linux' ? [`linux-${cpu}`, `linux-${cpu}-musl`] : [`${process.platform}-${cpu}`]

/** The Bun that npm brought for this platform. */
function findBun() {
  for (const name of names) {
    try {
      return join(dirname(require.resolve(`@oven/bun-${name}/package.json`)), 'bin', 'bun')
    } catch {
      // Not this one: npm installs only the package that fits the machine.
    }
  }
  return undefined
}

/** As the program itself tells a failure: one document with `--json`, else for people. */
function fail(message, help) {
  if (process.argv.includes('--json')) {
    const error = { code: 'runtime_missing', message, help }
    console.log(JSON.stringify({ error }, undefined, 2))
  } else console.error(`inhouse: ${message}\n→ ${help}`)
  process.exit(1)
}

// The runtime takes the machine for a small one: its memory stays a third smaller, and a request costs the same.
const env = { BUN_JSC_forceRAMSize: String(512 * 1024 * 1024), ...process.env }
delete env.INHOUSE_PARENT_FD

/**
 * Becomes Bun where Node can (22.15 on): one process less to start, to keep and to lose. Elsewhere runs it and ends as it
 * ends; the pipe on descriptor 3 is how the child learns that this process is gone, also when nobody could tell it any
 * more (SIGKILL).
 */
export function launch(args) {
  const bun = findBun()
  if (bun === undefined) {
    fail(
      `The Bun runtime for ${names[0]} is not installed.`,
      'Install inhouse again with npm, without `--omit=optional`; Linux and macOS on x64 and arm64 are supported.',
    )
  }
  if (process.execve !== undefined) become(bun, args)
  const child = spawn(bun, args, {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    env: { ...env, INHOUSE_PARENT_FD: '3' },
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'])
    process.on(signal, () => child.kill(signal))
  if (process.env.npm_command !== undefined) endWithNpm(() => child.kill('SIGTERM'))
  child.on('error', (error) =>
    fail(`Bun cannot be started: ${error.message}.`, 'Install inhouse again with npm.'),
  )
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}

/** npm hands no SIGTERM on; but what it started gets another parent when it is gone. */
function endWithNpm(end) {
  const parent = process.ppid
  const watch = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(watch)
    end()
  }, 500)
  watch.unref()
}

function become(bun, args) {
  try {
    // Node aborts where the call fails, and warns that it is new.
    accessSync(bun, constants.X_OK)
    process.removeAllListeners('warning')
    process.execve(bun, [bun, ...args], env)
  } catch {
    // The ordinary way tells what is wrong.
  }
}
