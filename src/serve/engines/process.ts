import { randomBytes } from 'node:crypto'
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import type { FileSink } from 'bun'

import { Failure } from '../../core/failure.ts'
import { slug } from '../../core/slug.ts'
import { deviceEnvironment, type Device } from './devices.ts'
import { EngineLog } from './engine-log.ts'
import type { EngineLoad, EngineRow } from './engine.ts'
import { exitReason } from './exit-reason.ts'
import { guarded, lastWordsSeconds } from './guard.ts'
import type { Ask, Command, CommandFacts, EngineKind, Program } from './kinds/kind.ts'
import { filled } from './kinds/words.ts'
import { watchLoad } from './load-watch.ts'
import { askLocal } from './local.ts'
import type { Machine } from './machine.ts'
import { modelFiles } from './model-files.ts'

/** A running engine that answers. */
export interface EngineProcess {
  /** Root URL, on loopback, without a trailing slash. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly pid: number
  /** What it said of itself lately. */
  readonly load: () => EngineLoad | undefined
  /** Resolves when it and all its children are gone, with what that means. Never rejects. */
  readonly exited: Promise<string>
  /** Asks it to end, then makes it. Resolves when it is gone. Idempotent. */
  readonly stop: () => Promise<void>
}

export interface Start {
  readonly home: string
  readonly kind: EngineKind
  readonly program: Program
  readonly row: EngineRow
  readonly machine: Pick<Machine, 'cores' | 'memoryBytes'>
  /** Accelerators of its own; undefined: it sees all. */
  readonly devices: readonly Device[] | undefined
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

const pollMs = 25
/** A process group whose end nobody collects (a container without an init) is not waited for beyond this. */
const groupMs = 2000

/**
 * Starts an engine and waits until its model is loaded. Throws `Failure('model_missing')`, `Failure('engine_failed')`
 * with the reason of its last words, or the signal's reason; then nothing is left running.
 */
export const startEngine = async (start: Start): Promise<EngineProcess> => {
  const { row, kind, program, signal } = start
  await mustExist(row)
  signal.throwIfAborted()
  const facts = factsOf(start)
  const headers = { authorization: `Bearer ${facts.apiKey}` }
  const command = program.command(row, facts)
  const log = new EngineLog(logPath(start.home, row.row))
  const child = spawn({ ...command, env: environment(command, start, facts) }, log, row.row, kind.graceMs)
  const timeout = AbortSignal.timeout(start.timeoutMs)
  const over = new AbortController()
  const waiting = AbortSignal.any([signal, timeout, over.signal])
  const comesUp = async (): Promise<string> => {
    const url = await ready(start, command, child, headers, waiting)
    await program.prepare?.(row, facts, asker(url, headers, waiting), waiting)
    return url
  }
  try {
    const url = await Promise.race([
      comesUp(),
      child.exited.then((reason) => {
        throw new Failure('engine_failed', `The engine of ${row.row} did not start: ${reason}.`)
      }),
    ])
    const load = watchLoad({ url, headers, names: kind.metrics, exited: child.exited })
    return { url, headers, pid: child.pid, load, exited: child.exited, stop: child.stop }
  } catch (error) {
    await child.stop()
    signal.throwIfAborted()
    if (!timeout.aborted) throw error
    const seconds = Math.round(start.timeoutMs / 1000)
    throw new Failure('engine_failed', `The engine of ${row.row} was not ready after ${seconds} s.`)
  } finally {
    // Whoever gets the port next is not asked any more.
    over.abort()
  }
}

const factsOf = ({ home, row, machine, devices }: Start): CommandFacts => ({
  apiKey: randomBytes(24).toString('base64url'),
  port: freePort(),
  cores: machine.cores,
  memoryBytes: machine.memoryBytes,
  devices,
  folder: filesPath(home, row.row),
  env: process.env,
})

/** The row's own words are the last. */
const environment = ({ env }: Command, { row, devices }: Start, facts: CommandFacts): Command['env'] => {
  const given = { key: facts.apiKey, port: String(facts.port), model: row.modelPath }
  const own = Object.entries(row.env ?? {}).map(([name, value]) => [name, filled(value, given)])
  return { ...env, ...deviceEnvironment(devices), ...(Object.fromEntries(own) as Record<string, string>) }
}

const asker =
  (url: string, headers: EngineProcess['headers'], signal: AbortSignal): Ask =>
  (path, body) =>
    askLocal(url + path, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      timeoutMs: 10 * 60_000,
      signal,
    })

export const logPath = (home: string, row: string): string => join(home, 'logs', `engine-${slug(row)}.log`)

/** Where a row's engine keeps files of its own. */
export const filesPath = (home: string, row: string): string => join(home, 'engine-files', slug(row))

const mustExist = async (row: EngineRow): Promise<void> => {
  for (const path of modelFiles(row)) {
    await access(path).catch(() => {
      throw new Failure('model_missing', `The model file of ${row.row} is not there: ${path}.`)
    })
  }
}

interface Child {
  readonly pid: number
  readonly stdout: ReadableStream<Uint8Array>
  readonly exited: Promise<string>
  readonly stop: () => Promise<void>
}

const spawn = (command: Command, log: EngineLog, label: string, graceMs: number): Child => {
  const child = Bun.spawn(guarded(command.argv, `inhouse-engine-${label}`), {
    env: { ...command.env },
    // The lifeline: the guard ends the engine when it closes, also when we are killed.
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'pipe',
    // A group of its own: Ctrl-C is for us, and the guard can end all of it.
    detached: true,
  })
  const streams = command.url === undefined ? [child.stderr] : [child.stdout, child.stderr]
  const outputEnded = Promise.allSettled(streams.map((stream) => keep(stream, log)))
  const exited = child.exited.then(async () => {
    // The reason is among the last words, which may come through a process that outlives the engine (`… | tee log`).
    const giveUp = Promise.withResolvers<void>()
    const timer = setTimeout(giveUp.resolve, lastWordsSeconds * 1000)
    await Promise.race([outputEnded, giveUp.promise])
    clearTimeout(timer)
    const signal = child.signalCode === null ? null : String(child.signalCode)
    const reason = exitReason({ code: child.exitCode, signal, tail: log.tail() })
    void outputEnded.then(() => log.close())
    await groupGone(child.pid)
    return reason
  })
  const stop = async (): Promise<void> => {
    await letGo(child.stdin)
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
    await exited
    clearTimeout(timer)
  }
  return { pid: child.pid, stdout: child.stdout, exited, stop }
}

/** The guard ends what the engine leaves behind. Only then are its memory and its accelerators free. */
const groupGone = async (pid: number): Promise<void> => {
  for (let waitedMs = 0; waitedMs < groupMs; waitedMs += pollMs) {
    try {
      process.kill(-pid, 0)
    } catch {
      return
    }
    await Bun.sleep(pollMs)
  }
}

/** Tells the guard that the engine ends because we want it to. */
const letGo = async (lifeline: FileSink): Promise<void> => {
  try {
    await lifeline.write('stop\n')
    await lifeline.flush()
  } catch {
    // It has ended already.
  }
}

const keep = async (stream: ReadableStream<Uint8Array>, log: EngineLog): Promise<void> => {
  for await (const bytes of stream) log.write(bytes)
}

/** The address, once the model behind it is loaded. Rejects when the signal fires, or where the address is not our engine's. */
const ready = async (
  { kind, row }: Start,
  command: Command,
  child: Child,
  headers: EngineProcess['headers'],
  signal: AbortSignal,
): Promise<string> => {
  const url = command.url ?? (await announced(child, signal))
  const ask = async (path: string) => {
    signal.throwIfAborted()
    return askLocal(url + path, { headers, timeoutMs: 2000, signal }).catch(() => undefined)
  }
  while ((await ask(kind.health(row)))?.status !== 200) await Bun.sleep(pollMs)
  // The port was only free a moment ago: prompts go to nobody who does not take our key as this engine does.
  if (kind.proof === undefined || (await ask(kind.proof))?.status === 200) return url
  signal.throwIfAborted()
  throw new Failure('engine_failed', `Another program than our engine answers at ${url}.`)
}

const announced = async (child: Child, signal: AbortSignal): Promise<string> => {
  let text = ''
  const decoder = new TextDecoder()
  const reader = child.stdout.getReader()
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
  for (;;) {
    const piece = await Promise.race([reader.read(), aborted])
    // It is ending: what that means is said where its exit is awaited.
    if (piece.value === undefined) return new Promise(() => undefined)
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
