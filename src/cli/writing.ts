import { Failure } from '../core/failure.ts'
import { diffOf } from '../connect/diff.ts'
import type { Context } from './context.ts'
import type { Paint } from './print.ts'

/** What changes, line by line. Ends with a line break, where anything does. */
export const diffText = (before: string, after: string, { red, green, dim }: Paint): string => {
  const paints = { '+': green, '-': red, ' ': dim } as const
  return diffOf(before, after)
    .map((part) => part.map(({ sign, text }) => `${paints[sign](`${sign} ${text}`)}\n`).join(''))
    .join(dim('  …\n'))
}

/** Asks whoever sits there, unless `--yes` says so already. Throws `Failure('usage_wrong')` where it may not be. */
export const mayWrite = async (
  context: Context,
  { yes = false }: { readonly yes?: boolean },
  question: string,
): Promise<void> => {
  if (yes) return
  if (!process.stdin.isTTY || context.isJson)
    throw new Failure('usage_wrong', {
      message: 'Nobody is here to be asked: nothing was written.',
      help: 'Give --yes to write it.',
    })
  const { confirm } = await import('@clack/prompts')
  if ((await confirm({ message: question, output: process.stderr })) === true) return
  throw new Failure('usage_wrong', { message: 'Nothing was written.', help: 'Run it again when you like.' })
}
