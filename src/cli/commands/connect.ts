import { existsSync } from 'node:fs'
import { homedir } from 'node:os'

import { Argument, Option } from 'commander'

import { Failure } from '../../core/failure.ts'
import { masked, unseen } from '../../connect/masked.ts'
import { Connections, type FileEdit } from '../../connect/record.ts'
import { languages, snippet, type Language } from '../../connect/snippets.ts'
import type { Connection, Places, Tool } from '../../connect/tool.ts'
import { tools } from '../../connect/tools/index.ts'
import type { InhouseCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { clock } from '../home-store.ts'
import { serverUrl } from '../parse.ts'
import { momentText, table } from '../print.ts'
import { chooseModel, dropToolKey, findServed, keyFileOf, toolKey, type Served } from '../served.ts'
import { diffText, mayWrite } from '../writing.ts'

interface Options {
  readonly model?: string
  readonly url?: string
  readonly yes?: boolean
  readonly undo?: boolean
  readonly force?: boolean
  readonly print?: Language
}

export const connect = (command: InhouseCommand): void => {
  command
    .description(
      'Points a tool at inhouse: shows what changes in its settings, asks, writes (with a backup), and takes it out again with --undo. Each tool gets a key of its own, so that `inhouse usage` shows it; files with a key in them keep mode 600. What a tool lets nobody write is told step by step. Without a tool: which are installed here, and which are connected.',
    )
    .addArgument(new Argument('[tool]', 'the tool').choices(tools.map(({ id }) => id)))
    .option('--model <name>', 'the model it asks (the first that is large enough for it if left out)')
    .option('--url <url>', 'an inhouse elsewhere; its key is taken from INHOUSE_KEY', serverUrl)
    .option('--yes', 'write without a question')
    .option('--undo', 'take out what was written, and the key out of force')
    .option('--force', 'with a model whose context is too small for the tool, too')
    .addOption(
      new Option('--print <language>', 'print a program that asks the model, in a language').choices(
        languages,
      ),
    )
    .example('inhouse connect', 'what is installed here, and what is connected')
    .example('inhouse connect claude-code --model small', 'see what changes, and write it')
    .example('inhouse connect codex --undo --yes', 'as it was before')
    .example(
      'INHOUSE_KEY=ih-… inhouse connect zed --url https://inhouse.example.org',
      'to a server of the team',
    )
    .example('inhouse connect --print python', 'a first program')
    .failsWhen('a file cannot be changed, or was changed since so that it cannot be undone')
    .runs(run)
}

const run = async (context: Context, options: Options, id: string | undefined): Promise<void> => {
  const tool = tools.find((each) => each.id === id)
  if (options.print !== undefined) return print(context, options, options.print)
  if (tool === undefined) return list(context, options)
  if (options.undo === true) return undo(context, tool, options)
  if (tool.files === undefined) return tell(context, tool, options)
  return write(context, tool, tool.files, options)
}

const places = (): Places => ({
  home: process.env['HOME'] ?? homedir(),
  platform: process.platform,
  env: process.env,
  exists: existsSync,
})

const isInstalled = (tool: Tool): boolean =>
  tool.programs.some((program) => Bun.which(program) !== null) ||
  tool.folders(places()).some((folder) => existsSync(folder))

const list = async (context: Context, options: Options): Promise<void> => {
  if (options.undo === true || options.yes === true)
    throw new Failure('usage_wrong', {
      message: 'Which tool?',
      help: `One of ${tools.map(({ id }) => id).join(', ')}.`,
    })
  const connections = new Connections(context.home)
  const rows = await Promise.all(
    tools.map(async (tool) => {
      const { model, at, url } = (await connections.find(tool.id)) ?? {}
      const connected = at === undefined ? null : { model, url, at }
      return { id: tool.id, title: tool.title, isInstalled: isInstalled(tool), connected }
    }),
  )
  context.result(rows, (paint) =>
    table(
      [
        { title: 'TOOL', cell: (row) => row.id },
        { title: '', cell: (row) => row.title },
        { title: 'INSTALLED', cell: (row) => (row.isInstalled ? 'yes' : '') },
        {
          title: 'CONNECTED',
          cell: ({ connected }) =>
            connected === null ? '' : `${connected.model}, ${momentText(connected.at)}`,
        },
      ],
      rows,
      paint,
    ),
  )
  if (!context.isJson) context.say(context.paint.dim('`inhouse connect TOOL` shows what would change.\n'))
}

const connectionOf = (
  context: Context,
  tool: Tool,
  served: Served,
  options: Options,
  key: string,
): Connection => ({
  url: served.url,
  key,
  keyFile: keyFileOf(context.home, tool, served),
  model: chooseModel(tool, served.models, options.model, options.force ?? false),
  models: served.models,
})

const write = async (
  context: Context,
  tool: Tool,
  filesOf: NonNullable<Tool['files']>,
  options: Options,
): Promise<void> => {
  const served = await findServed(context, options.url)
  // Asked now: our own file would be taken for a sign of it.
  const isHere = isInstalled(tool)
  const connections = new Connections(context.home)
  // In the place of a key that may not be made yet.
  const preview = connectionOf(context, tool, served, options, unseen)
  const planned = await connections.plan(tool, filesOf(preview, places()))
  show(context, planned.edits)
  await mayWrite(context, options, `Write this for ${tool.title}?`)
  const key = await toolKey(context.home, tool, served)
  const connection = { ...preview, key }
  // Once more, with the key: what stands in the files may be another thing by now.
  const plan = await connections.plan(tool, filesOf(connection, places()))
  const facts = { at: clock.now(), url: served.url, model: connection.model.name }
  const { files } = await connections.connect(tool, plan, facts)
  const written = files.map(({ settings, before }) => ({
    path: settings.path,
    backup: before?.backup ?? null,
  }))
  context.result({ tool: tool.id, url: served.url, model: facts.model, files: written }, (paint) =>
    [
      `${paint.green('Connected')} ${tool.title} to ${served.url} with the model ${facts.model}.\n`,
      ...tool.steps(connection).map((step) => `${step}\n`),
    ].join(''),
  )
  if (context.isJson) return
  const { dim, yellow } = context.paint
  for (const { backup } of written)
    if (backup !== null) context.say(dim(`What was there before is in ${backup}.\n`))
  context.say(dim(`\`inhouse connect ${tool.id} --undo\` takes it out again. ${tool.docs}\n`))
  if (!served.isRunning) context.say(yellow(`Nobody serves at ${served.url} now: \`inhouse serve\`.\n`))
  if (!isHere) context.say(yellow(`${tool.title} was not found here: ${tool.install}.\n`))
}

/** For tools whose settings only their own windows can change. */
const tell = async (context: Context, tool: Tool, options: Options): Promise<void> => {
  const served = await findServed(context, options.url)
  const preview = connectionOf(context, tool, served, options, unseen)
  await mayWrite(context, options, `Make a key for ${tool.title}?`)
  const connection = { ...preview, key: await toolKey(context.home, tool, served) }
  const steps = tool.steps(connection)
  const { url, model, key } = connection
  context.result({ tool: tool.id, url, model: model.name, key, steps }, (paint) =>
    [`${paint.bold(tool.title)}\n`, ...steps.map((step) => `${step}\n`), `${paint.dim(tool.docs)}\n`].join(
      '',
    ),
  )
}

const undo = async (context: Context, tool: Tool, options: Options): Promise<void> => {
  const connections = new Connections(context.home)
  const edits = await connections.planUndo(tool)
  show(context, edits)
  await mayWrite(context, options, `Take inhouse out of ${tool.title}?`)
  await connections.undo(tool, edits)
  await dropToolKey(context.home, tool)
  const byHand = tool.files === undefined
  context.result({ tool: tool.id, files: edits.map(({ path }) => path) }, () =>
    byHand
      ? `The key of ${tool.title} is out of force; take it out of its settings by hand.\n`
      : `${tool.title} is as it was, and its key is out of force.\n`,
  )
}

const print = async (context: Context, options: Options, language: Language): Promise<void> => {
  const served = await findServed(context, options.url)
  const program: Tool = { ...programs, title: 'A program' }
  const model = chooseModel(program, served.models, options.model, true)
  const text = snippet(language, { url: served.url, model })
  context.result({ language, url: served.url, model: model.name, program: text }, () => text)
  if (!context.isJson)
    context.say(
      context.paint.dim('INHOUSE_KEY=$(inhouse keys create --name my-program) makes a key for it.\n'),
    )
}

/** What a program of one's own needs: nothing. */
const programs = {
  id: '',
  docs: '',
  install: '',
  programs: [],
  leastContext: 0,
  folders: () => [],
  steps: () => [],
}

const show = (context: Context, edits: readonly FileEdit[]): void => {
  if (context.isJson) return
  for (const { path, now, next } of edits) {
    if (now === next) continue
    const what = now === undefined ? ' (new)' : next === undefined ? ' (goes)' : ''
    const diff = diffText(masked(now ?? ''), masked(next ?? ''), context.paint)
    context.say(`${context.paint.bold(path)}${what}\n${diff}\n`)
  }
}
