import { contractCases } from './cases.ts'
import { contractGaps, gapOf, type Gap } from './gaps.ts'
import { contractClients, contractUpstreams } from './index.ts'
import { formsOf, realCases, realSkips } from './real-cases.ts'
import { contractEngines, skipOf, type ContractEngine } from './real-engines.ts'
import { readEnginesSeen, type EngineSeen } from './real-seen.ts'

const surfaces = Object.keys(contractClients)

/** `docs/reference/compatibility.md`: which case is shown for which pair, and why not where it is not. */
export async function renderCompatibility(): Promise<string> {
  const seen = await readEnginesSeen()
  const sections = [
    intro,
    contractCases.map(({ id, about }) => `- \`${id}\`: ${about}`).join('\n'),
    ...contractUpstreams.map(({ id }) => upstreamSection(id)),
    realIntro,
    realCases.map(({ id, shows }) => `- \`${id}\`: ${shows}`).join('\n'),
    `Not shown: ${Object.entries(realSkips)
      .map(([id, why]) => `\`${id}\` (${why})`)
      .join(', ')}.`,
    ...contractEngines.flatMap((engine) => {
      const its = seen[engine.id]
      return its === undefined ? [] : [engineSection(engine, its)]
    }),
    '## What cannot be',
    contractGaps.map((gap) => `${contractGaps.indexOf(gap) + 1}. ${gapText(gap)}`).join('\n'),
  ]
  return `${sections.join('\n\n')}\n`
}

const intro = `# Compatibility

<!-- Generated from src/testing/contract; do not edit. -->

Every surface with every backend, shown by \`src/contract.test.ts\`: each surface is asked through its vendor's own client
library, unchanged; each backend's upstream answers in the shapes that its vendor documents. Each case runs streamed and
whole unless it says otherwise. A number stands for what cannot be, with the reason below.`

const realIntro = `## Real engines

The same clients and cases with real engines that run a real small model (SmolLM2, 135M), by \`src/real-contract.test.ts\`.
Its words are not known beforehand, so these are looked at; and that the same case is as many tokens to the engine,
whichever surface it comes through:`

function upstreamSection(backend: string): string {
  const rows = contractCases.map(({ id }) => [
    `\`${id}\``,
    ...surfaces.map((surface) => noteOf(surface, backend, id) ?? 'yes'),
  ])
  return `## Backend \`${backend}\`\n\n${table(rows)}`
}

function engineSection(engine: ContractEngine, seen: EngineSeen): string {
  const rows = realCases.map(({ id }) => [
    `\`${id}\``,
    ...surfaces.map((surface) => {
      if (skipOf(engine, surface, id) !== undefined) return '–'
      const note = noteOf(surface, engine.backend, id)
      if (note !== undefined) return note
      const held = seen.held[surface] ?? []
      return formsOf(id).every((form) => held.includes(`${id} ${form}`)) ? 'yes' : 'no'
    }),
  ])
  const without = engine.skips.map(({ case: id, why }) => `\n\n–: \`${id}\`, because ${why}.`)
  const head = `### ${engine.id}\n\nVersion: ${seen.version}, seen on ${seen.date}. ${engine.setup}`
  return `${head}\n\n${table(rows)}${without.join('')}`
}

/** The numbers of what cannot be. */
function noteOf(surface: string, backend: string, id: string): string | undefined {
  const gaps = new Set(formsOf(id).flatMap((form) => gapOf(surface, backend, id, form) ?? []))
  return gaps.size === 0 ? undefined : [...gaps].map((gap) => `(${contractGaps.indexOf(gap) + 1})`).join(' ')
}

const gapText = ({ surface, backend, case: id, form, why, source }: Gap): string => {
  const where = [surface, backend && `→ ${backend}`, `\`${id}\``, form].filter((part) => part !== undefined)
  return `${where.join(' ')}: ${why} ([source](${source}))`
}

const table = (rows: readonly (readonly string[])[]): string => {
  const head = ['Case', ...surfaces]
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}
