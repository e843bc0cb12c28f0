import { Option } from 'commander'

import { modelNames, readKey, startChat, urlOf, type Endpoint, type TokenCounts } from '../client.ts'
import type { InhouseCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { liveServer } from '../live-server.ts'
import { Failure } from '../../core/failure.ts'
import { serverUrl, wholeNumber, wholeNumbers } from '../parse.ts'
import { countedText, durationText, table, type Column } from '../print.ts'
import type { Bars } from '../progress.ts'
import { measuresOf, type Measures, type Run } from '../measures.ts'

interface Options {
  readonly streams: readonly number[]
  readonly tokens: number
  readonly promptTokens: number
  readonly requests: number
  readonly url?: string
}

export const bench = (command: InhouseCommand): void => {
  command
    .description(
      'Measures how fast a model answers through the endpoint, as a client sees it: time to the first token and tokens per second, with 1 … N streams at once. Every prompt is a new one, so that no cache helps. The requests stand in the ledger as all others.',
    )
    .argument('[model]', 'which model; left out: the first that the server names')
    .addOption(
      new Option('--streams <list>', 'how many at once')
        .argParser(wholeNumbers)
        .default([1, 2, 4, 8], '1,2,4,8'),
    )
    .option('--tokens <n>', 'tokens of each answer, at most', wholeNumber, 128)
    .option('--prompt-tokens <n>', 'tokens of each prompt, about', wholeNumber, 128)
    .option('--requests <n>', 'requests of each stream, one after the other', wholeNumber, 3)
    .option(
      '--url <url>',
      'a server elsewhere (its key in INHOUSE_KEY); left out: the one that runs here',
      serverUrl,
    )
    .example('inhouse bench', 'the first model, at 1, 2, 4 and 8 streams')
    .example(
      'inhouse bench small --streams 1,16 --tokens 256 --prompt-tokens 1000',
      'long prompts, much at once',
    )
    .example('inhouse bench --json > before.json', 'to compare with later')
    .failsWhen('nobody answers, or a request failed')
    .runs(run)
}

const run = async (context: Context, options: Options, named: string | undefined): Promise<void> => {
  const url = options.url ?? (await serverHere(context))
  const endpoint = { url, key: await readKey(context.home) }
  const model = named ?? (await modelNames(endpoint))[0]
  if (model === undefined)
    throw new Failure('model_unknown', {
      message: 'The server names no models that this key may ask for.',
      help: 'Name one, or give another key in INHOUSE_KEY.',
    })
  const rows = await measureAll(context.bars(), endpoint, model, options)
  const { tokens, promptTokens, requests } = options
  context.result({ url, model, settings: { tokens, promptTokens, requests }, rows }, (paint) => {
    const head = `${paint.bold(model)} at ${url}; answers of up to ${tokens} tokens, ${countedText(requests, 'request')} a stream`
    return `${head}\n\n${table(columns, rows, paint)}`
  })
  if (!context.isJson && rows.some(({ tokensPerSecond }) => tokensPerSecond === null))
    context.say('The server does not tell the tokens of these answers, so their speeds are not known.\n')
}

const serverHere = async ({ home, load }: Context): Promise<string> => {
  const { listen } = (await load({ secrets: 'unread' })).config
  const url = await liveServer(home, listen)
  if (url !== undefined) return url
  throw new Failure('server_unreachable', `Nobody answers at ${urlOf(listen)} who knows the key.`)
}

const measureAll = async (
  bars: Bars,
  endpoint: Endpoint,
  model: string,
  options: Options,
): Promise<Measures[]> => {
  const one = (): Promise<Run> => measureOne(endpoint, model, options)
  const rows: Measures[] = []
  try {
    bars.onProgress({ label: `Warming ${model} up`, done: 0 })
    await one()
    for (const streams of options.streams) {
      bars.onProgress({ label: `Measuring at ${countedText(streams, 'stream')}`, done: 0 })
      const began = performance.now()
      const runs = await Promise.all(Array.from({ length: streams }, () => inTurn(options.requests, one)))
      rows.push(measuresOf(streams, runs.flat(), performance.now() - began))
    }
    return rows
  } finally {
    bars.clear()
  }
}

const inTurn = async (times: number, one: () => Promise<Run>): Promise<Run[]> => {
  const runs: Run[] = []
  while (runs.length < times) runs.push(await one())
  return runs
}

const measureOne = async (endpoint: Endpoint, model: string, options: Options): Promise<Run> => {
  const began = performance.now()
  const reply = await startChat(endpoint, {
    model,
    messages: [{ role: 'user', content: promptOf(options.promptTokens) }],
    max_tokens: options.tokens,
  })
  let firstMs: number | undefined
  let usage: TokenCounts = { input: null, output: null }
  for await (const piece of reply.pieces) {
    if (piece.type === 'usage') usage = piece
    else firstMs ??= performance.now() - began
  }
  const totalMs = performance.now() - began
  return { firstMs: firstMs ?? totalMs, totalMs, inputTokens: usage.input, outputTokens: usage.output }
}

const vocabulary = 'time house river light stone paper green winter letter morning garden music'.split(' ')

/** About so many tokens, different from the first word on, and a wish that takes long to fulfil. */
const promptOf = (tokens: number): string => {
  const any = (): string => vocabulary[Math.floor(Math.random() * vocabulary.length)] ?? ''
  const story = Array.from({ length: Math.max(1, tokens - 20) }, any).join(' ')
  return `${story}\n\nWrite a very long story in which all of these words appear.`
}

/** Nothing where it is not known. */
const figure = (value: number | null, digits: number): string => value?.toFixed(digits) ?? ''

const columns: readonly Column<Measures>[] = [
  { title: 'STREAMS', align: 'right', cell: ({ streams }) => String(streams) },
  { title: 'PROMPT', align: 'right', cell: ({ meanInputTokens }) => figure(meanInputTokens, 0) },
  { title: 'ANSWER', align: 'right', cell: ({ meanOutputTokens }) => figure(meanOutputTokens, 0) },
  { title: 'FIRST TOKEN P50', align: 'right', cell: ({ firstTokenP50Ms }) => durationText(firstTokenP50Ms) },
  { title: 'P95', align: 'right', cell: ({ firstTokenP95Ms }) => durationText(firstTokenP95Ms) },
  {
    title: 'TOKENS/S EACH',
    align: 'right',
    cell: ({ tokensPerSecondEach }) => figure(tokensPerSecondEach, 1),
  },
  { title: 'TOGETHER', align: 'right', cell: ({ tokensPerSecond }) => figure(tokensPerSecond, 1) },
]
