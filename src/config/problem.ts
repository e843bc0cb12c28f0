import { Failure } from '../core/failure.ts'

/** One mistake in the config. */
export interface Problem {
  /** `inhouse.yaml:3:5`, `INHOUSE_LISTEN` or `--listen`. */
  readonly where: string
  /** `models.small.context`; empty for the file as a whole. */
  readonly path: string
  /** What is wrong, what is allowed, and what was perhaps meant. Never a secret. */
  readonly text: string
}

/** All mistakes at once. */
export class ConfigInvalid extends Failure {
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    const [first] = problems
    const head =
      problems.length === 1 ? 'The config has a mistake:' : `The config has ${problems.length} mistakes:`
    super('config_invalid', {
      message: [head, ...problems.map(problemText)].join('\n  '),
      ...(first !== undefined && first.path !== '' && { param: first.path }),
    })
    this.problems = problems
  }
}

export const problemText = ({ where, path, text }: Problem): string =>
  `${where}: ${path === '' ? '' : `${path} `}${text}`
