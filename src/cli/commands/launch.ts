import { rm, writeFile } from 'node:fs/promises'
import { constants } from 'node:os'
import { join } from 'node:path'

import { Argument } from 'commander'

import { Failure } from '../../core/failure.ts'
import type { Connection, Launch } from '../../connect/tool.ts'
import { tools } from '../../connect/tools/index.ts'
import type { Endpoint } from '../client.ts'
import type { InhouseCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { serverUrl } from '../parse.ts'
import { withServer } from '../running.ts'
import { chooseModel, findServed, keyFileOf, servedModels, toolKey } from '../served.ts'

interface Options {
  readonly model?: string
  readonly url?: string
  readonly force?: boolean
}

/** By the names of their programs. */
const launchable = new Map(
  tools.flatMap((tool) =>
    tool.launch === undefined ? [] : [[tool.programs[0] ?? tool.id, { tool, launch: tool.launch }] as const],
  ),
)

export const launch = (command: InhouseCommand): void => {
  command
    .description(
      'Starts an agent that asks inhouse, with no file changed: all it needs stands in its environment and arguments. Signals and its exit code go through. Where no server runs, one is started until the agent ends.',
    )
    .addArgument(new Argument('<agent>', 'the agent').choices([...launchable.keys()]))
    .argument('[args...]', 'its own arguments, behind --')
    .option('--model <name>', 'the model it asks (the first that is large enough for it if left out)')
    .option('--url <url>', 'an inhouse elsewhere; its key is taken from INHOUSE_KEY', serverUrl)
    .option('--force', 'with a model whose context is too small for the agent, too')
    .example('inhouse launch claude', 'Claude Code')
    .example('inhouse launch codex --model coder -- exec "Fix the failing test"', 'Codex, without its window')
    .failsWhen('it could not be started; else the exit code is the agent’s own')
    .runs(run)
}

const run = async (
  context: Context,
  options: Options,
  name: string,
  args: readonly string[],
): Promise<number> => {
  const found = launchable.get(name)
  if (found === undefined) throw new Failure('tool_missing', `There is no agent ${name}.`)
  const program = Bun.which(name)
  if (program === null)
    throw new Failure('tool_missing', {
      message: `${found.tool.title} is not installed: there is no program ${name} on the PATH.`,
      help: `Install it: ${found.tool.install}`,
    })
  const begin = async (url: string, models: Connection['models'], given?: string): Promise<number> => {
    const model = chooseModel(found.tool, models, options.model, options.force ?? false)
    const key = await toolKey(context.home, found.tool, { key: given })
    const start = found.launch({
      url,
      key,
      keyFile: keyFileOf(context.home, found.tool, { key: given }),
      model,
      models,
    })
    context.say(context.paint.dim(`${found.tool.title} asks ${model.name} at ${url}.\n`))
    return withSettings(context.home, start, (more) =>
      untilEnded([program, ...start.args, ...more, ...args], start.env),
    )
  }
  if (options.url !== undefined) {
    const { url, models, key } = await findServed(context, options.url)
    return begin(url, models, key)
  }
  const withModels = async (endpoint: Endpoint): Promise<number> =>
    begin(endpoint.url, await servedModels(endpoint))
  return withServer(context, withModels, found.tool.title)
}

/** With the settings of this start in a file, for as long as it takes. */
const withSettings = async <T>(
  home: string,
  { settings }: Launch,
  work: (args: readonly string[]) => Promise<T>,
): Promise<T> => {
  if (settings === undefined) return work([])
  const file = join(home, 'connect', `launch-${process.pid}.json`)
  await rm(file, { force: true })
  await writeFile(file, settings.text, { mode: 0o600 })
  try {
    return await work([settings.flag, file])
  } finally {
    await rm(file, { force: true })
  }
}

/** Runs it in this terminal. Answers its exit code, or 128 and the number of the signal that ended it. */
const untilEnded = async (
  command: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<number> => {
  const child = Bun.spawn([...command], {
    env: { ...process.env, ...env },
    stdin: 'inherit',
    stdout: 'inherit',
    stderr: 'inherit',
  })
  const pass = (signal: NodeJS.Signals): void => child.kill(signal)
  // A terminal tells the whole group: the child has heard of it.
  const passInterrupt = (signal: NodeJS.Signals): void => {
    if (!process.stdin.isTTY) pass(signal)
  }
  process.on('SIGINT', passInterrupt).on('SIGTERM', pass).on('SIGHUP', pass)
  try {
    await child.exited
    const { exitCode, signalCode } = child
    return exitCode ?? 128 + (constants.signals[signalCode as NodeJS.Signals] ?? 0)
  } finally {
    process.off('SIGINT', passInterrupt).off('SIGTERM', pass).off('SIGHUP', pass)
  }
}
