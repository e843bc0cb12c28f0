import pino, { type Level } from 'pino'

import type { Log } from '../app.ts'
import type { Paint } from './print.ts'

type Write = (text: string) => void

/** JSON lines; on a terminal short ones for people. Prompts and answers are in neither. */
export const createLog = (level: Level | 'silent', isTerminal: boolean, write: Write, paint: Paint): Log => {
  if (!isTerminal) return pino({ level, base: null }, { write })
  const lines = { write: (line: string) => write(readable(JSON.parse(line) as Line, paint)) }
  return pino({ level, base: null }, lines)
}

interface Line {
  readonly level: number
  readonly time: number
  readonly msg: string
}

const readable = ({ level, time, msg, ...rest }: Line, paint: Paint): string => {
  const clock = new Date(time).toTimeString().slice(0, 8)
  const said = Object.entries(rest).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  )
  const tone = level >= 50 ? paint.red : level >= 40 ? paint.yellow : (text: string): string => text
  return `${paint.dim(clock)} ${tone(msg)} ${paint.dim(said.join(' '))}`.trimEnd() + '\n'
}
