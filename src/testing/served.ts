import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** An inhouse in a process of its own, as users have it. */
export interface Served extends AsyncDisposable {
  readonly process: Bun.Subprocess
  readonly url: string
  readonly key: string
  /** Resolves when its standard error holds this text. */
  said(text: string): Promise<void>
  /** Asks with the key; objects are sent as JSON. */
  post(path: string, body: unknown, headers?: Readonly<Record<string, string>>): Promise<Response>
}

export interface ServeOptions {
  /** With an `inhouse.yaml`, or without: then it serves the small model. */
  readonly home: string
  /** What is run; without it the program, without its launcher. */
  readonly command?: readonly string[]
  /** Without it the root: where it is run must not matter. */
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Runs as the leader of a group, which gets the SIGTERM: as a terminal does it where npm stands between. */
  readonly asGroup?: boolean
}

const program = [process.execPath, join(import.meta.dir, '..', 'main.ts')]

/** Resolves when it serves; throws with its words when it ends before. Disposed of, it gets a SIGTERM and has ended. */
export async function serveProcess(options: ServeOptions): Promise<Served> {
  const { home, command = program, cwd = '/', env = process.env, asGroup = false } = options
  const child = Bun.spawn([...command, 'serve', '--json', '--home', home, '--listen', '127.0.0.1:0'], {
    cwd,
    env,
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    detached: asGroup,
  })
  const said = new Listener(child.stderr)
  const told = new Listener(child.stdout)
  const line = await told.until((text) => text.trimEnd().endsWith('}'))
  if (line === undefined) throw new Error(`It ended before it served: ${await said.all()}`)
  const { url } = JSON.parse(line) as { url: string }
  const key = (await readFile(join(home, 'key'), 'utf8')).trim()
  return {
    process: child,
    url,
    key,
    said: async (words) => {
      const text = await said.until((all) => all.includes(words))
      if (text === undefined) throw new Error(`It ended without "${words}": ${await said.all()}`)
    },
    post: (path, body, headers = {}) =>
      fetch(url + path, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, ...headers },
        body: JSON.stringify(body),
      }),
    [Symbol.asyncDispose]: async () => {
      if (asGroup) process.kill(-child.pid, 'SIGTERM')
      else child.kill('SIGTERM')
      await child.exited
      await told.all()
    },
  }
}

/** What a process has said so far. */
class Listener {
  #text = ''
  #change = Promise.withResolvers<void>()
  readonly #ended: Promise<'ended'>

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#ended = this.#read(stream)
  }

  async all(): Promise<string> {
    await this.#ended
    return this.#text
  }

  /** Its text, once that is so; undefined when it ends before. */
  async until(isSo: (text: string) => boolean): Promise<string | undefined> {
    while (!isSo(this.#text)) {
      if ((await Promise.race([this.#change.promise, this.#ended])) === 'ended') break
    }
    return isSo(this.#text) ? this.#text : undefined
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<'ended'> {
    const decoder = new TextDecoder()
    for await (const bytes of stream) {
      this.#text += decoder.decode(bytes, { stream: true })
      this.#change.resolve()
      this.#change = Promise.withResolvers()
    }
    return 'ended'
  }
}
