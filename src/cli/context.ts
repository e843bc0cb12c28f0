import { resolveHome } from '../config/home.ts'
import { paintFor, type Paint } from './print.ts'
import { createBars, type Bars } from './progress.ts'

/** What stands behind every command. */
export interface GlobalOptions {
  readonly home?: string
  readonly config?: string
  readonly json?: boolean
  readonly quiet?: boolean
}

/** What a command is given: where it works, and how it speaks. */
export interface Context {
  /** Absolute. */
  readonly home: string
  /** The config file that was named. */
  readonly file: string | undefined
  readonly isJson: boolean
  /** How people's text on the standard error is painted. */
  readonly paint: Paint
  /** The outcome, on the standard output: one JSON document with `--json`, else text for people. */
  result(value: unknown, text: (paint: Paint) => string): void
  /** A piece of an answer that is being written, on the standard output. */
  write(text: string): void
  /** For people, on the standard error; nothing with `--quiet`. */
  say(text: string): void
  /** Progress on the standard error; nothing with `--quiet`. */
  bars(): Bars
}

export const createContext = ({ home, config, json = false, quiet = false }: GlobalOptions): Context => ({
  home: resolveHome({ flag: home, env: process.env, cwd: process.cwd() }),
  file: config,
  isJson: json,
  paint: paintFor(process.stderr),
  result: (value, text) => {
    process.stdout.write(json ? `${JSON.stringify(value, undefined, 2)}\n` : text(paintFor(process.stdout)))
  },
  write: (text) => void process.stdout.write(text),
  say: (text) => void (quiet || process.stderr.write(text)),
  bars: () => (quiet ? { onProgress: () => {}, end: () => {} } : createBars(process.stderr)),
})
