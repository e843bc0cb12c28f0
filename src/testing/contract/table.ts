import { contractCases } from './cases.ts'
import { contractGaps, gapOf, type Gap } from './gaps.ts'
import { contractClients, contractUpstreams } from './index.ts'

/** `docs/reference/compatibility.md`: which case is shown for which pair, and why not where it is not. */
export function renderCompatibility(): string {
  const surfaces = Object.keys(contractClients)
  const sections = contractUpstreams.map(({ id: backend }) => {
    const head = ['Case', ...surfaces]
    const rows = contractCases.map(({ id, only }) => [
      `\`${id}\``,
      ...surfaces.map((surface) => {
        const forms = (['stream', 'whole'] as const).filter((form) => only === undefined || only === form)
        const gaps = new Set(forms.flatMap((form) => gapOf(surface, backend, id, form) ?? []))
        return gaps.size === 0 ? 'yes' : [...gaps].map((gap) => note(gap)).join(' ')
      }),
    ])
    return `## Backend \`${backend}\`\n\n${table([head, head.map(() => '---'), ...rows])}`
  })
  const cases = contractCases.map(({ id, about }) => `- \`${id}\`: ${about}`)
  const gaps = contractGaps.map((gap) => `${contractGaps.indexOf(gap) + 1}. ${gapText(gap)}`)
  return `${[intro, cases.join('\n'), ...sections, '## What cannot be', gaps.join('\n')].join('\n\n')}\n`
}

const intro = `# Compatibility

<!-- Generated from src/testing/contract; do not edit. -->

Every surface with every backend, shown by \`src/contract.test.ts\`: each surface is asked through its vendor's own client
library, unchanged; each backend's upstream answers in the shapes that its vendor documents. Each case runs streamed and
whole unless it says otherwise. A number stands for what cannot be, with the reason below.`

const note = (gap: Gap): string => `(${contractGaps.indexOf(gap) + 1})`

const gapText = ({ surface, backend, case: id, form, why, source }: Gap): string => {
  const where = [surface, backend && `→ ${backend}`, `\`${id}\``, form].filter((part) => part !== undefined)
  return `${where.join(' ')}: ${why} ([source](${source}))`
}

const table = (rows: readonly (readonly string[])[]): string =>
  rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
