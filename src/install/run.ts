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

/** What a program leaves running may hold its output open: it is not listened to for longer than this. */
const lastWordsMs = 500

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
    const readers = [child.stdout.getReader(), child.stderr.getReader()]
    const said = Promise.all(readers.map(textFrom))
    const status = await child.exited
    const timer = setTimeout(() => readers.forEach((reader) => void reader.cancel()), lastWordsMs)
    const [stdout = '', stderr = ''] = await said
    clearTimeout(timer)
    options.signal?.throwIfAborted()
    return { status, stdout, stderr }
  } catch (error) {
    options.signal?.throwIfAborted()
    if (error instanceof Failure) throw error
    return { status: 127, stdout: '', stderr: String(error) }
  }
}

interface Reader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>
}

const textFrom = async (reader: Reader): Promise<string> => {
  const decoder = new TextDecoder()
  let text = ''
  for (;;) {
    const { value, done } = await reader.read()
    if (done) return text + decoder.decode()
    text += decoder.decode(value, { stream: true })
  }
}
