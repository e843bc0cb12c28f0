import { fstatSync } from 'node:fs'
import { createInterface } from 'node:readline'

import { Failure } from '../../core/failure.ts'
import {
  modelNames,
  startChat,
  type ChatMessage,
  type ChatRequest,
  type Endpoint,
  type TokenCounts,
} from '../client.ts'
import type { InhouseCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { runText } from '../measures.ts'
import { decimal, wholeNumber } from '../parse.ts'
import { failureText } from '../fail.ts'
import { withServer } from '../running.ts'

interface Options {
  readonly model?: string
  readonly system?: string
  readonly decision?: boolean
  readonly maxTokens?: number
  readonly temperature?: number
}

export const chat = (command: InhouseCommand): void => {
  command
    .description(
      'Asks a model and streams its answer; a conversation when no question is given. Uses the server of the home, wherever it listens, or the one at the config’s address, with the key of the home (or INHOUSE_KEY); where none runs, it starts one for the time of the chat.',
    )
    .argument('[question]', 'what to ask; what is piped in is put below it')
    .option('--model <name>', 'which model; left out: the first that the server names')
    .option('--system <text>', 'what the model is told before the conversation')
    .option('--decision', 'show after each answer who gave it and why, its tokens and times')
    .option('--max-tokens <n>', 'most tokens of an answer (the model’s own limit if left out)', wholeNumber)
    .option('--temperature <n>', '0: always the likeliest word (the model’s own if left out)', decimal)
    .example('inhouse chat "Why is the sky blue?"', 'one question')
    .example('inhouse chat', 'a conversation: /model NAME, /clear, /decision and /exit are understood')
    .example(
      'git diff | inhouse chat "Write a commit message" --model small --temperature 0',
      'with what is piped in',
    )
    .failsWhen('nobody answers, or the answer was cut short')
    .runs(run)
}

const run = async (context: Context, options: Options, question: string | undefined): Promise<void> => {
  const isTerminal = process.stdin.isTTY
  const piped = isPiped() ? (await Bun.stdin.text()).trim() : ''
  const first = [question ?? '', piped].filter((text) => text !== '').join('\n\n')
  if (first === '' && (!isTerminal || context.isJson))
    throw new Failure('usage_wrong', {
      message: 'There is no question.',
      help: 'Give one (`inhouse chat "Why is the sky blue?"`), or pipe it in.',
    })
  await withServer(context, async (endpoint) => {
    const known = await modelNames(endpoint)
    const model = options.model ?? known[0]
    if (model === undefined)
      throw new Failure('model_unknown', {
        message: 'The server names no models that this key may ask for.',
        help: 'Give one with --model, or another key in INHOUSE_KEY.',
      })
    const talk = new Talk(context, endpoint, { ...options, model }, known)
    if (first === '') await converse(context, talk)
    else await talk.ask(first)
  })
}

/** Only a pipe of a shell and a file have an end that may be waited for; other programs leave theirs open. */
const isPiped = (): boolean => {
  const stdin = fstatSync(0)
  return stdin.isFIFO() || stdin.isFile()
}

/** A conversation with one model: what was said, and how to go on. */
class Talk {
  readonly #context: Context
  readonly #endpoint: Endpoint
  readonly #options: Options
  #said: ChatMessage[] = []
  model: string
  showsDecision: boolean
  /** The names that the server lists; a row with a `*` takes others too. */
  readonly known: readonly string[]

  constructor(
    context: Context,
    endpoint: Endpoint,
    options: Options & { readonly model: string },
    known: readonly string[],
  ) {
    this.#context = context
    this.#endpoint = endpoint
    this.#options = options
    this.known = known
    this.model = options.model
    this.showsDecision = options.decision ?? false
  }

  clear(): void {
    this.#said = []
  }

  /** Streams the answer to the standard output. A question that fails is as if it had not been asked. */
  async ask(question: string, signal?: AbortSignal): Promise<void> {
    const { system, maxTokens, temperature } = this.#options
    const asked: readonly ChatMessage[] = [...this.#said, { role: 'user', content: question }]
    const request: ChatRequest = {
      model: this.model,
      messages: [...(system === undefined ? [] : [{ role: 'system', content: system } as const]), ...asked],
      ...(maxTokens !== undefined && { max_tokens: maxTokens }),
      ...(temperature !== undefined && { temperature }),
    }
    const answer = await this.#stream(request, signal)
    this.#said = [...asked, { role: 'assistant', content: answer }]
  }

  async #stream(request: ChatRequest, signal: AbortSignal | undefined): Promise<string> {
    const { isJson, paint, write, say } = this.#context
    const began = performance.now()
    const reply = await startChat(this.#endpoint, request, signal)
    let text = ''
    let reasoning = ''
    let usage: TokenCounts = { input: null, output: null }
    let firstMs: number | undefined
    try {
      for await (const piece of reply.pieces) {
        if (piece.type === 'usage') usage = piece
        else {
          firstMs ??= performance.now() - began
          if (piece.type === 'text' && text === '' && reasoning !== '' && !isJson) say('\n\n')
          if (piece.type === 'text') text += piece.text
          else reasoning += piece.text
          // Thoughts are shown, but they are not the answer.
          if (!isJson)
            (piece.type === 'text' ? write : say)(piece.type === 'text' ? piece.text : paint.dim(piece.text))
        }
      }
    } catch (thrown) {
      // What is said of it stands below the part that came.
      if (text !== '' && !text.endsWith('\n') && !isJson) write('\n')
      else if (text === '' && reasoning !== '' && !isJson) say('\n')
      throw thrown
    }
    const totalMs = performance.now() - began
    const { requestId, decision, warning } = reply
    const { input: inputTokens, output: outputTokens } = usage
    if (isJson) {
      this.#context.result(
        {
          model: request.model,
          answer: text,
          ...(reasoning !== '' && { reasoning }),
          usage: { inputTokens, outputTokens },
          requestId,
          decision,
          warning,
          firstTokenMs: firstMs,
          totalMs,
        },
        () => '',
      )
      return text
    }
    if (!text.endsWith('\n')) write('\n')
    if (warning !== undefined) say(paint.yellow(`${warning}\n`))
    if (this.showsDecision) {
      const figures = runText({ firstMs: firstMs ?? totalMs, totalMs, inputTokens, outputTokens })
      say(paint.dim(`\n${decision ?? request.model}\n${figures}\ninhouse explain ${requestId ?? ''}\n`))
    }
    return text
  }
}

/** What may be typed instead of a question; answers true to end. */
const commands: Readonly<Record<string, (talk: Talk, word: string) => string | true>> = {
  '/exit': () => true,
  '/quit': () => true,
  '/clear': (talk) => {
    talk.clear()
    return 'Forgotten; a new conversation.'
  },
  '/model': (talk, word) => {
    if (word !== '') talk.model = word
    const listed = `The server lists ${talk.known.join(', ')}.`
    return `Asking ${talk.model}.${talk.known.includes(word) ? '' : ` ${listed}`}`
  },
  '/decision': (talk) => {
    talk.showsDecision = !talk.showsDecision
    return `Who answers and why is ${talk.showsDecision ? 'shown' : 'not shown'}.`
  },
}

const converse = async (context: Context, talk: Talk): Promise<void> => {
  const { paint, say } = context
  say(paint.dim(`Asking ${talk.model}. /model NAME, /clear, /decision, /exit; Ctrl-C stops an answer.\n\n`))
  const lines = createInterface({ input: process.stdin, output: process.stderr, prompt: paint.cyan('› ') })
  let answering: AbortController | undefined
  lines.on('SIGINT', () => {
    if (answering === undefined) lines.close()
    else answering.abort()
  })
  lines.prompt()
  for await (const line of lines) {
    const [word = '', ...rest] = line.trim().split(/\s+/)
    const command = commands[word]
    if (command !== undefined) {
      const said = command(talk, rest.join(' '))
      if (said === true) break
      say(`${paint.dim(said)}\n`)
    } else if (word.startsWith('/')) say(`${paint.dim(`Known are ${Object.keys(commands).join(', ')}.`)}\n`)
    else if (word !== '') {
      answering = new AbortController()
      await answerOne(context, talk, line, answering.signal)
      answering = undefined
    }
    lines.prompt()
  }
  lines.close()
}

/** A failure ends the answer, not the conversation. */
const answerOne = async (
  { say, paint }: Context,
  talk: Talk,
  line: string,
  signal: AbortSignal,
): Promise<void> => {
  try {
    await talk.ask(line, signal)
    say('\n')
  } catch (thrown) {
    say(signal.aborted ? paint.dim('(stopped)\n\n') : `${failureText(thrown, paint)}\n`)
  }
}
