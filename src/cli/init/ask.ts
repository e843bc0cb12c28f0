import { builtIn } from '../../config/schema.ts'
import { Failure } from '../../core/failure.ts'
import type { Found } from '../../serve/discover/probe.ts'
import type { Advice } from '../advice.ts'
import { bytesText } from '../print.ts'
import type { Answers } from './compose.ts'

interface Asking {
  readonly found: readonly Found[]
  /** A better model for this machine than the small one. */
  readonly better: Advice | undefined
  /** Somebody is here who can be asked. */
  readonly isAsked: boolean
}

const small = { name: 'small', source: builtIn.models.small.source }
const everywhere = '0.0.0.0:4141'

/** What is proposed: all engines that were found, or else the small model; for this machine alone. Asks, where it may. */
export const answersOf = async ({ found, better, isAsked }: Asking): Promise<Answers> => {
  const proposed = { engines: found, own: found.length === 0 ? small : undefined, listen: undefined }
  return isAsked ? ask(proposed, better) : proposed
}

const ask = async (proposed: Answers, better: Advice | undefined): Promise<Answers> => {
  const { multiselect, select } = await import('@clack/prompts')
  const output = process.stderr
  const answered = <Value>(value: Value | symbol): Value => {
    if (typeof value !== 'symbol') return value
    throw new Failure('usage_wrong', { message: 'Nothing was written.', help: 'Run it again when you like.' })
  }
  const urls =
    proposed.engines.length === 0
      ? []
      : answered<string[]>(
          await multiselect({
            message: 'These answer on this machine. Which are to be served?',
            options: proposed.engines.map(({ url, title, version = '', models }) => ({
              value: url,
              label: `${title} ${version}`.trimEnd(),
              hint: `${url}, ${models.length} models`,
            })),
            initialValues: proposed.engines.map(({ url }) => url),
            required: false,
            output,
          }),
        )
  const own = answered<string>(
    await select({
      message: 'Shall inhouse run a model itself?',
      options: [
        { value: '', label: 'No' },
        { value: small.source, label: 'A small one, to try out', hint: '98 MB' },
        ...(better === undefined
          ? []
          : [{ value: better.source, label: better.name, hint: bytesText(better.bytes) }]),
      ],
      initialValue: proposed.own?.source ?? '',
      output,
    }),
  )
  const listen = answered<string>(
    await select({
      message: 'Who may reach it?',
      options: [
        { value: '', label: 'This machine alone', hint: '127.0.0.1:4141' },
        { value: everywhere, label: 'Others too', hint: `${everywhere}; put TLS in front of it` },
      ],
      initialValue: '',
      output,
    }),
  )
  return {
    engines: proposed.engines.filter(({ url }) => urls.includes(url)),
    own: own === '' ? undefined : { name: own === small.source ? small.name : 'local', source: own },
    listen: listen === '' ? undefined : listen,
  }
}
