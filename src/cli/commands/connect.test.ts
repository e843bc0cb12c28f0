import { describe, expect, test } from 'bun:test'
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { FakeModel } from '../../testing/fake-model.ts'
import { startTestApp, type TestApp } from '../../testing/test-app.ts'
import { Testbed, type Ran } from '../../testing/testbed.ts'

/** A user with a home of their own, and a server that runs. */
class Desk implements AsyncDisposable {
  readonly app: TestApp
  readonly #bed = new Testbed()
  readonly #model: FakeModel

  private constructor(app: TestApp, model: FakeModel) {
    this.app = app
    this.#model = model
  }

  static async open(): Promise<Desk> {
    const model = await FakeModel.start()
    const app = await startTestApp(`
backends: { one: { kind: openai-compatible, url: ${model.url}/v1, place: local } }
models: { m: { backend: one } }`)
    return new Desk(app, model)
  }

  get home(): string {
    return this.#bed.home
  }

  get env(): Record<string, string> {
    const { host } = new URL(this.app.app.url)
    return { INHOUSE_HOME: this.app.home, INHOUSE_LISTEN: host, NO_COLOR: '1' }
  }

  run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
    return this.#bed.run(args, { ...this.env, ...env })
  }

  async keyNames(): Promise<string[]> {
    const keys = JSON.parse((await this.run(['keys', 'list', '--json'])).out) as { name: string }[]
    return keys.map(({ name }) => name)
  }

  /** A program of that name on a PATH of its own. */
  async program(name: string, text: string): Promise<string> {
    const folder = join(this.home, 'bin')
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, name), text)
    await chmod(join(folder, name), 0o755)
    return `${folder}:${process.env['PATH'] ?? ''}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.app[Symbol.asyncDispose]()
    await this.#model[Symbol.asyncDispose]()
    this.#bed[Symbol.dispose]()
  }
}

describe('connect', () => {
  test('shows what changes and no key, writes it with a key of its own, and takes both out again', async () => {
    await using desk = await Desk.open()
    const file = join(desk.home, '.aider.conf.yml')
    await writeFile(file, 'dark-mode: true # mine\n')
    const connected = await desk.run(['connect', 'aider', '--yes'])
    expect(connected).toMatchObject({ code: 0, out: expect.stringContaining('Connected Aider') as string })
    expect(connected.err).toContain('+ openai-api-key: ih-…')
    const written = await readFile(file, 'utf8')
    const key = /openai-api-key: (\S+)/.exec(written)?.[1] ?? ''
    expect(written).toStartWith('dark-mode: true # mine\n')
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect(connected.err + connected.out).not.toContain(key)
    const models = await fetch(`${desk.app.app.url}/v1/models`, {
      headers: { authorization: `Bearer ${key}` },
    })
    expect(models.status).toBe(200)
    expect(await desk.keyNames()).toContain('connect-aider')
    const undone = await desk.run(['connect', 'aider', '--undo', '--yes'])
    expect(undone.code).toBe(0)
    expect(undone.err).not.toContain(key)
    expect(await readFile(file, 'utf8')).toBe('dark-mode: true # mine\n')
    expect(await desk.keyNames()).not.toContain('connect-aider')
  })

  test('shows none of the secrets that stand beside what changes, or go', async () => {
    await using desk = await Desk.open()
    const file = join(desk.home, '.aider.conf.yml')
    await writeFile(file, 'anthropic-api-key: sEcret1\nopenai-api-key: sEcret2\n')
    const { code, err, out } = await desk.run(['connect', 'aider', '--yes'])
    expect([code, err.includes('- openai-api-key: …'), (err + out).includes('sEcret')]).toEqual([
      0,
      true,
      false,
    ])
  })

  test('writes nothing, and makes no key, where nobody can be asked', async () => {
    await using desk = await Desk.open()
    expect(await desk.run(['connect', 'zed'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('--yes') as string,
    })
    expect(await stat(join(desk.home, '.config')).catch(() => 'none')).toBe('none')
    expect(await desk.keyNames()).not.toContain('connect-zed')
  })

  test('lists what is installed and what is connected, and tells a wrong name', async () => {
    await using desk = await Desk.open()
    const path = await desk.program('aider', '#!/bin/sh\n')
    await desk.run(['connect', 'continue', '--yes'])
    const listed = await desk.run(['connect', '--json'], { PATH: path })
    const rows = JSON.parse(listed.out) as { id: string; isInstalled: boolean; connected: object | null }[]
    expect(rows.find(({ id }) => id === 'aider')).toMatchObject({ isInstalled: true, connected: null })
    expect(rows.find(({ id }) => id === 'continue')).toMatchObject({ connected: { model: 'm' } })
    expect(await desk.run(['connect', 'aidr'])).toMatchObject({ code: 2 })
    expect(await desk.run(['connect', 'aider', '--model', 'n', '--yes'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('There is no model named n') as string,
    })
  })

  test('tells the steps, with a key, where a tool’s settings cannot be written', async () => {
    await using desk = await Desk.open()
    const { steps, key } = JSON.parse((await desk.run(['connect', 'open-webui', '--yes', '--json'])).out) as {
      steps: string[]
      key: string
    }
    expect(steps.join('\n')).toContain(`OPENAI_API_KEYS=${key}`)
  })

  test('points at a server elsewhere with the key of INHOUSE_KEY, and asks for one', async () => {
    await using desk = await Desk.open()
    const url = ['--url', `${desk.app.app.url}/v1`]
    expect(await desk.run(['connect', 'aider', '--yes', ...url])).toMatchObject({
      code: 1,
      err: expect.stringContaining('INHOUSE_KEY') as string,
    })
    const home = join(desk.home, 'other')
    const env = { INHOUSE_KEY: desk.app.key, INHOUSE_HOME: home }
    expect(await desk.run(['connect', 'aider', '--yes', ...url], env)).toMatchObject({ code: 0 })
    expect(await readFile(join(desk.home, '.aider.conf.yml'), 'utf8')).toContain(desk.app.key)
    expect(await stat(join(home, 'inhouse.db')).catch(() => 'none')).toBe('none')
    expect(await desk.run(['connect', 'aider', '--undo', '--yes'], env)).toMatchObject({ code: 0 })
  })

  test.each(['js', 'ai-sdk', 'curl'])('prints a program in %s that runs', async (language) => {
    await using desk = await Desk.open()
    const { out } = await desk.run(['connect', '--print', language])
    const command = language === 'curl' ? ['sh', '-c', out] : [process.execPath, '-e', out]
    const child = Bun.spawn(command, {
      cwd: join(import.meta.dir, '..', '..', '..'),
      env: { PATH: process.env['PATH'], INHOUSE_KEY: desk.app.key },
      stdout: 'pipe',
    })
    expect(await new Response(child.stdout).text()).toContain(language === 'curl' ? ' there' : 'Hello there.')
    expect(await child.exited).toBe(0)
  })
})

describe('launch', () => {
  test('hands on arguments, output and exit code, and a key that works', async () => {
    await using desk = await Desk.open()
    const PATH = await desk.program(
      'codex',
      '#!/bin/sh\necho "$INHOUSE_KEY"\nfor each; do echo "$each"; done\nexit 7\n',
    )
    const ran = await desk.run(['launch', 'codex', '--', 'exec', '--json', 'two words'], { PATH })
    const [key = '', ...args] = ran.out.trimEnd().split('\n')
    expect(ran.code).toBe(7)
    expect(args.slice(-3)).toEqual(['exec', '--json', 'two words'])
    expect(args).toContain(`model_providers.inhouse-launch.base_url="${desk.app.app.url}/v1"`)
    expect(args.join(' ')).not.toContain(key)
    const models = await fetch(`${desk.app.app.url}/v1/models`, {
      headers: { authorization: `Bearer ${key}` },
    })
    expect(models.status).toBe(200)
    expect((await desk.run(['launch', 'codex'], { PATH })).out).toStartWith(`${key}\n`)
  })

  test('hands a SIGTERM on, and takes its settings away when the agent has ended', async () => {
    await using desk = await Desk.open()
    const script = '#!/bin/sh\ntrap "cat $2; exit 9" TERM\necho ready\nwhile :; do sleep 0.05; done\n'
    const PATH = await desk.program('claude', script)
    const main = join(import.meta.dir, '..', '..', 'main.ts')
    const child = Bun.spawn([process.execPath, main, 'launch', 'claude'], {
      env: { HOME: desk.home, ...desk.env, PATH },
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'ignore',
    })
    let said = ''
    for await (const bytes of child.stdout) {
      said += new TextDecoder().decode(bytes)
      if (said === 'ready\n') child.kill('SIGTERM')
    }
    expect(await child.exited).toBe(9)
    expect(said).toContain(`"ANTHROPIC_BASE_URL":"${desk.app.app.url}"`)
    const left = [...new Bun.Glob('*').scanSync(join(desk.app.home, 'connect'))]
    expect(left).toEqual(['claude-code.key'])
  })

  test('an agent that a signal ends counts as 128 and that signal', async () => {
    await using desk = await Desk.open()
    const PATH = await desk.program('codex', '#!/bin/sh\nkill -KILL $$\n')
    expect((await desk.run(['launch', 'codex'], { PATH })).code).toBe(137)
  })

  test('says how an agent is got that is not there', async () => {
    await using desk = await Desk.open()
    const PATH = join(process.execPath, '..')
    const { code, err } = await desk.run(['launch', 'opencode'], { PATH })
    expect({ code, err }).toEqual({
      code: 1,
      err: expect.stringContaining('npm install --global opencode-ai') as string,
    })
  })

  test('starts a server until the agent ends, where none runs', async () => {
    using bed = new Testbed()
    await using model = await FakeModel.start()
    const folder = join(bed.home, 'bin')
    await mkdir(folder)
    const base = 'sed -e "s/.*BASE_URL.:.//" -e "s/[^0-9a-z:./].*//" "$2"'
    await writeFile(join(folder, 'claude'), `#!/bin/sh\ncurl -sf "$(${base})/health"\n`, { mode: 0o755 })
    await writeFile(
      join(bed.home, 'inhouse.yaml'),
      `listen: 127.0.0.1:9\nbackends: { one: { kind: openai-compatible, url: ${model.url}/v1, place: local } }\nmodels: { m: { backend: one } }\n`,
    )
    const PATH = `${folder}:${process.env['PATH'] ?? ''}`
    const ran = await bed.run(['launch', 'claude'], { PATH })
    expect(ran).toMatchObject({ code: 0, out: expect.stringContaining('"status":"ok"') as string })
    expect(ran.err).toContain('for Claude Code')
  })
})
