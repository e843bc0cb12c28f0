import { renderCliReference } from './cli/reference.ts'
import { configJsonSchema, renderConfigReference } from './config/index.ts'
import { failures, type FailureCode } from './core/failure.ts'

/** Every generated page of `docs/reference/`, by its name there. */
export const references: readonly (readonly [path: string, render: () => string | Promise<string>])[] = [
  ['config.md', renderConfigReference],
  ['config.schema.json', () => `${JSON.stringify(configJsonSchema(), null, 2)}\n`],
  ['cli.md', renderCliReference],
  ['failures.md', renderFailures],
]

const again = {
  never: 'no',
  later: 'later',
  elsewhere: 'another target may answer',
} as const

function renderFailures(): string {
  const rows = (Object.keys(failures) as FailureCode[]).map((code) => {
    const { status, retry, help } = failures[code]
    return `| \`${code}\` | ${status} | ${again[retry]} | ${help.replaceAll('|', '\\|')} |`
  })
  return `# Failures

Every failure has a code, the HTTP status that a client sees, whether trying again can help, and what to do. OpenAI's clients find the code in
\`error.code\` (those that clients act on have OpenAI's own names there: \`invalid_api_key\`, \`model_not_found\`, \`rate_limit_exceeded\`,
\`context_length_exceeded\`). The command line prints the message and the help, and ends with 1, or with 2 where the call itself is wrong.

| code | status | again? | what to do |
|---|---|---|---|
${rows.join('\n')}
`
}
