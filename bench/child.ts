import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'

/** The folder for everything that a run writes; emptied when a run begins. */
export const runFolder = new URL('../.bench/run/', import.meta.url).pathname
export const toolsFolder = new URL('../.bench/', import.meta.url).pathname

export interface Order {
  readonly name: string
  readonly command: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** No proxy stands between processes of this machine. */
const quietEnv = { NO_PROXY: '127.0.0.1,localhost', no_proxy: '127.0.0.1,localhost' }

const running = new Set<Child>()

/** A process that this run started, with a log of its own. Stopping it stops all that it started. */
export class Child implements AsyncDisposable {
  readonly pid: number
  readonly #name: string
  readonly #log: string
  readonly #process: Bun.Subprocess

  constructor({ name, command, env = {} }: Order) {
    this.#name = name
    this.#log = `${runFolder}${name}.log`
    const log = openSync(this.#log, 'a')
    this.#process = Bun.spawn([...command], {
      cwd: runFolder,
      env: { ...process.env, ...quietEnv, ...env },
      stdin: 'ignore',
      stdout: log,
      stderr: log,
    })
    closeSync(log)
    this.pid = this.#process.pid
    running.add(this)
  }

  /** Waits until `ready` gives something. Throws with the end of the log when the process ends, or time runs out. */
  async until<T>(ready: () => Promise<T | undefined>, seconds = 60): Promise<T> {
    const deadline = performance.now() + seconds * 1000
    for (;;) {
      const found = await ready().catch(() => undefined)
      if (found !== undefined) return found
      if (this.#process.exitCode !== null || this.#process.signalCode !== null)
        throw new Error(`${this.#name} ended: ${this.#tail()}`)
      if (performance.now() > deadline) throw new Error(`${this.#name} is not ready: ${this.#tail()}`)
      await Bun.sleep(2)
    }
  }

  /** Waits for a 2xx answer. */
  async untilAnswers(url: string, seconds?: number): Promise<void> {
    await this.until(async () => ((await fetch(url)).ok ? true : undefined), seconds)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!running.delete(this)) return
    const all = treeOf(this.pid)
    this.#process.kill('SIGTERM')
    await Promise.race([this.#process.exited, Bun.sleep(5000)])
    for (const pid of all) kill(pid)
    await this.#process.exited
  }

  /** The hard end, for when this process itself ends. */
  killTree(): void {
    for (const pid of treeOf(this.pid)) kill(pid)
  }

  #tail(): string {
    const lines = readFileSync(this.#log, 'utf8').trim().split('\n')
    return lines.slice(-8).join('\n') || 'it wrote nothing'
  }
}

process.on('exit', () => {
  for (const child of running) child.killTree()
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended already.
  }
}

/** A process and all below it, by their parents in /proc. */
export function treeOf(root: number): number[] {
  const children = new Map<number, number[]>()
  for (const entry of readdirSync('/proc')) {
    const parent = /^\d+$/.test(entry) ? Number(statOf(Number(entry))?.[1]) : Number.NaN
    if (Number.isNaN(parent)) continue
    children.set(parent, [...(children.get(parent) ?? []), Number(entry)])
  }
  const tree = [root]
  for (const pid of tree) tree.push(...(children.get(pid) ?? []))
  return tree
}

/** The fields of /proc/<pid>/stat from the state on; undefined when the process is gone. */
export function statOf(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}

/** Runs a command to its end and gives what it printed. Throws with its last lines when it fails. */
export async function output(command: readonly string[], seconds = 600): Promise<string> {
  const child = Bun.spawn([...command], {
    env: { ...process.env, ...quietEnv },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    timeout: seconds * 1000,
  })
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  if (code !== 0) throw new Error(`${command[0]} failed (${code}): ${(err + out).trim().slice(-800)}`)
  return out + err
}

export function freePort(): number {
  const listener = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } })
  const { port } = listener
  listener.stop(true)
  return port
}
