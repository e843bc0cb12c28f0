import { Failure } from '../core/failure.ts'

export interface Ran {
  /** Exit status; 127 where there is no such program. */
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
}

/** Runs a program to its end and collects what it says. Throws only when the signal is aborted. */
export const run = async (command: readonly string[], options: RunOptions = {}): Promise<Ran> => {
  options.signal?.throwIfAborted()
  try {
    const child = Bun.spawn([...command], {
      env: { ...process.env, ...options.env },
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
      killSignal: 'SIGKILL',
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
    })
    const [stdout, stderr, status] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ])
    options.signal?.throwIfAborted()
    return { status, stdout, stderr }
  } catch (error) {
    options.signal?.throwIfAborted()
    if (error instanceof Failure) throw error
    return { status: 127, stdout: '', stderr: String(error) }
  }
}
