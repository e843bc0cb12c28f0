import { resolveHome } from '../config/home.ts'
import type { Loaded } from '../config/index.ts'
import type { Flags } from '../config/layers.ts'
import { paintFor, type Paint } from './print.ts'
import { createBars, type Bars } from './progress.ts'

/** What stands behind every command. */
export interface GlobalOptions {
  readonly home?: string
  readonly config?: string
  readonly json?: boolean
  readonly quiet?: boolean
}

/** How a command reads the config. */
export interface Reading {
  readonly flags?: Flags
  /** Takes `inhouse.yaml` of the working directory too, and says so. */
  readonly here?: boolean
  /** `unread`: secrets stay as they are written, for commands that send none. */
  readonly secrets?: 'unread'
}

/** What a command is given: where it works, and how it speaks. */
export interface Context {
  /** Absolute. */
  readonly home: string
  readonly isJson: boolean
  /** `--config` or INHOUSE_CONFIG, as it was written. */
  readonly configFile: string | undefined
  /** The config as it is now. Throws `Failure('config_invalid' | 'config_missing')`. */
  readonly load: (reading?: Reading) => Promise<Loaded>
  /** What reads it, now and again later. */
  readonly reader: (reading?: Reading) => Promise<() => Loaded>
  /** How people's text on the standard error is painted. */
  readonly paint: Paint
  /** The outcome, on the standard output: one JSON document with `--json`, else text for people. */
  readonly result: (value: unknown, text: (paint: Paint) => string) => void
  /** A piece of an answer that is being written, on the standard output. */
  readonly write: (text: string) => void
  /** For people, on the standard error; nothing with `--quiet`. */
  readonly say: (text: string) => void
  /** Progress on the standard error; nothing with `--quiet`. */
  readonly bars: () => Bars
}

export const createContext = ({ home, config, json = false, quiet = false }: GlobalOptions): Context => {
  const say = (text: string): void => void (quiet || process.stderr.write(text))
  let isTold = false
  const reader: Context['reader'] = async (reading = {}) => {
    const { loadConfig } = await import('../config/index.ts')
    return () => {
      const options = { file: config, home, env: process.env, cwd: process.cwd() }
      const loaded = loadConfig({ ...options, ...reading })
      if (!isTold && loaded.here !== undefined) say(hereText(loaded.here))
      isTold = true
      return loaded
    }
  }
  return {
    home: resolveHome({ flag: home, env: process.env, cwd: process.cwd() }),
    reader,
    load: async (reading) => (await reader(reading))(),
    isJson: json,
    configFile: config ?? (process.env['INHOUSE_CONFIG'] || undefined),
    paint: paintFor(process.stderr),
    result: (value, text) => {
      process.stdout.write(json ? `${JSON.stringify(value, undefined, 2)}\n` : text(paintFor(process.stdout)))
    },
    write: (text) => void process.stdout.write(text),
    say,
    bars: () => createBars(quiet ? { write: () => true } : process.stderr),
  }
}

const hereText = ({ file, isUsed }: NonNullable<Loaded['here']>): string =>
  isUsed
    ? `The config is ${file}, found in this folder.\n`
    : `${file} is not used here: name it with --config.\n`
