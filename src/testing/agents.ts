import { mkdir, readdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'

import { run } from '../install/run.ts'
import { stage } from '../install/stage.ts'
import { testHome } from './real-engine.ts'

/** An agent that people use, as its maker publishes it on npm: one program for each platform. */
export interface Agent {
  readonly program: string
  readonly package: string
  readonly version: string
  /** Of the package of this platform, where npm puts it. */
  readonly folder: string
  /** Below that folder. */
  readonly executable: RegExp
}

const platform = `${process.platform}-${process.arch}`

export const agents = {
  claude: {
    program: 'claude',
    package: '@anthropic-ai/claude-code',
    version: '2.1.330',
    folder: `@anthropic-ai/claude-code-${platform}`,
    executable: /^claude$/,
  },
  codex: {
    program: 'codex',
    package: '@openai/codex',
    version: '0.169.0',
    folder: `@openai/codex-${platform}`,
    executable: /\/bin\/codex$/,
  },
  opencode: {
    program: 'opencode',
    package: 'opencode-ai',
    version: '1.18.33',
    folder: `opencode-${platform}`,
    executable: /\/opencode$/,
  },
} as const satisfies Record<string, Agent>

/** Some 400 MB each, the first time. */
export const installTimeoutMs = 10 * 60_000

/** A folder in which the agent's program stands by its name, for a PATH. Nothing of its package is run to install it. */
export const agentPath = async (agent: Agent): Promise<string> => {
  const folder = await stage(testHome, `agents/${agent.program}-${agent.version}`, async (temporary) => {
    const name = `${agent.package}@${agent.version}`
    const flags = ['--prefix', temporary, '--ignore-scripts', '--no-audit', '--no-fund']
    const { status, stderr } = await run(['npm', 'install', ...flags, name])
    if (status !== 0) throw new Error(`npm install ${name} ended with ${status}: ${stderr}`)
    const inside = join('node_modules', agent.folder)
    const files = await readdir(join(temporary, inside), { recursive: true })
    const found = files.find((file) => agent.executable.test(file))
    if (found === undefined) throw new Error(`${name} has no program for ${platform}.`)
    await mkdir(join(temporary, 'path'))
    await symlink(join('..', inside, found), join(temporary, 'path', agent.program))
  })
  return join(folder, 'path')
}
