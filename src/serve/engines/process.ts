import { randomBytes } from 'node:crypto'
import { access } from 'node:fs/promises'
import { join } from 'node:path'

import { Failure } from '../../core/failure.ts'
import { engineCommand, type Command } from './command.ts'
import { EngineLog } from './engine-log.ts'
import type { EngineProgram, EngineRow } from './engine.ts'
import { guarded } from './guard.ts'
import { askLocal } from './local.ts'
import type { Machine } from './machine.ts'
import { meaningOf } from './meaning.ts'

/** A running engine that answers. */
export interface EngineProcess {
  /** Root URL, on loopback, without a trailing slash. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly pid: number
  /** Resolves when the process is gone, with what that means. Never rejects. */
  readonly exited: Promise<string>
  /** Asks it to end, then makes it. Resolves when it is gone. Idempotent. */
  readonly stop: () => Promise<void>
}

export interface Start {
  readonly home: string
  readonly program: EngineProgram
  readonly row: EngineRow
  readonly machine: Pick<Machine, 'cores' | 'memoryBytes'>
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

const graceMs = 3000
const pollMs = 25

/**
 * Starts an engine and waits until its model is loaded. Throws `Failure('model_missing')`, `Failure('engine_failed')`
 * with the meaning of its last words, or the signal's reason; then nothing is left running.
 */
export const startEngine = async (start: Start): Promise<EngineProcess> => {
  const { row, signal } = start
  await mustExist(row)
  signal.throwIfAborted()
  const apiKey = randomBytes(24).toString('base64url')
  const { cores, memoryBytes } = start.machine
  const command = engineCommand(start.program, row, {
    apiKey,
    port: freePort(),
    cores,
    memoryBytes,
    env: process.env,
  })
  const log = new EngineLog(logPath(start.home, row.row))
  const child = spawn(command, log, row.row)
  const timeout = AbortSignal.timeout(start.timeoutMs)
  try {
    const url = await Promise.race([
      ready(command, child, AbortSignal.any([signal, timeout])),
      child.exited.then((meaning) => {
        throw new Failure('engine_failed', `The engine of ${row.row} did not start: ${meaning}.`)
      }),
    ])
    return {
      url,
      headers: { authorization: `Bearer ${apiKey}` },
      pid: child.pid,
      exited: child.exited,
      stop: child.stop,
    }
  } catch (error) {
    await child.stop()
    signal.throwIfAborted()
    if (!timeout.aborted) throw error
    const seconds = Math.round(start.timeoutMs / 1000)
    throw new Failure('engine_failed', `The engine of ${row.row} was not ready after ${seconds} s.`)
  }
}

export const logPath = (home: string, row: string): string =>
  join(home, 'logs', `engine-${row.replaceAll(/[^\w.-]+/g, '-')}.log`)

const mustExist = async (row: EngineRow): Promise<void> => {
  for (const path of [row.modelPath, ...(row.mmproj === undefined ? [] : [row.mmproj])]) {
    await access(path).catch(() => {
      throw new Failure('model_missing', `The model file of ${row.row} is not there: ${path}.`)
    })
  }
}

interface Child {
  readonly pid: number
  readonly stdout: ReadableStream<Uint8Array> | undefined
  readonly exited: Promise<string>
  readonly stop: () => Promise<void>
}

const spawn = (command: Command, log: EngineLog, label: string): Child => {
  const child = Bun.spawn(guarded(command.argv, `inhouse-engine-${label}`), {
    env: { ...command.env },
    // The lifeline: the guard ends the engine when it closes, also when we are killed.
    stdin: 'pipe',
    stdout: command.url === undefined ? 'pipe' : log.fd,
    stderr: log.fd,
    // A group of its own: Ctrl-C is for us, and the guard can end all of it.
    detached: true,
  })
  const exited = child.exited.then(async () => {
    await child.stdin.end()
    const signal = child.signalCode === null ? null : String(child.signalCode)
    const meaning = meaningOf({ code: child.exitCode, signal, tail: log.tail() })
    log.close()
    return meaning
  })
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
    await exited
    clearTimeout(timer)
  }
  return { pid: child.pid, stdout: typeof child.stdout === 'object' ? child.stdout : undefined, exited, stop }
}

/** The address, once the model behind it is loaded. Rejects when the signal fires. */
const ready = async (command: Command, child: Child, signal: AbortSignal): Promise<string> => {
  const url = command.url ?? (await announced(child, signal))
  for (;;) {
    const health = await askLocal(`${url}/health`, { timeoutMs: 2000, signal }).catch(() => undefined)
    if (health?.status === 200) return url
    signal.throwIfAborted()
    await Bun.sleep(pollMs)
  }
}

const announced = async (child: Child, signal: AbortSignal): Promise<string> => {
  let text = ''
  const decoder = new TextDecoder()
  const reader = child.stdout?.getReader()
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
  for (;;) {
    const piece = await Promise.race([reader?.read(), aborted])
    // It is ending: what that means is said where its exit is awaited.
    if (piece?.value === undefined) return new Promise(() => undefined)
    text += decoder.decode(piece.value, { stream: true })
    const line = /^\{"url": ?"(http:\/\/127\.0\.0\.1:\d+)"\}$/m.exec(text)
    if (line?.[1] !== undefined) return line[1]
  }
}

/** A port that was free a moment ago. Should another program be quicker, the engine fails and is started again. */
const freePort = (): number => {
  const probe = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } })
  const { port } = probe
  probe.stop(true)
  return port
}
