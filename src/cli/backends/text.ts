import type { Found } from '../../serve/discover/probe.ts'
import { vulnerabilitiesAsOf } from '../../serve/discover/vulnerabilities.ts'
import { listText } from '../names.ts'
import { bytesText, countText, facts, table, type Column, type Paint } from '../print.ts'
import { escaped, escapedIn } from './shown.ts'

type Model = Found['models'][number]

/** Names that a server lists and that are not served. Ends with a line break, where there are any. */
export const skippedText = (skipped: readonly string[], { yellow }: Paint): string =>
  skipped.length === 0
    ? ''
    : `${yellow(`! skipped, as no row of \`models\` can have the name: ${listText(skipped.map(escaped))}`)}\n`

/** What was found, for people. */
export const foundText = (found: Found, paint: Paint): string => {
  const said = escapedIn(found)
  const { title, version, url, kind, models } = said
  const head = `${paint.bold(version === undefined ? title : `${title} ${version}`)} at ${url}\n`
  const about = facts(
    [
      ['kind', kind],
      ['key', accessText[found.access]],
      ['models', models.length === 0 ? 'it lists none' : countText(models.length)],
    ],
    paint,
  )
  const shown = models.slice(0, mostShown)
  const more = models.length - shown.length
  return [
    head,
    about,
    shown.length === 0 ? '' : `\n${table(columns, shown, paint)}`,
    more > 0 ? paint.dim(`and ${more} more\n`) : '',
    warnings(said, paint),
  ].join('')
}

const mostShown = 40

const accessText: Readonly<Record<Found['access'], string>> = {
  unknown: '',
  open: 'it asks nobody for one',
  key: 'it takes this one',
  wanted: 'it wants one: give it with --key-env',
  refused: 'it refuses this one',
}

const warnings = ({ vulnerabilities, cautions, title, version }: Found, paint: Paint): string => {
  const known = vulnerabilities.map(
    ({ id, about, fixedIn }) =>
      `${title} ${version ?? ''} has a known hole: ${about} (${id}, closed in ${fixedIn}; as of ${vulnerabilitiesAsOf})`,
  )
  const lines = [...known, ...cautions]
  return lines.map((text) => `${paint.yellow(`! ${text}`)}\n`).join('')
}

const columns: readonly Column<Model>[] = [
  { title: 'MODEL', cell: ({ name }) => name },
  {
    title: 'CONTEXT',
    align: 'right',
    cell: ({ facts: { context, trainedContext } }) => tokens(context ?? trainedContext),
  },
  { title: 'OUTPUT', align: 'right', cell: ({ facts: { maxOutput } }) => tokens(maxOutput) },
  { title: 'CAN', cell: ({ facts: { capabilities = [] } }) => capabilities.join(' ') },
  { title: 'WEIGHTS', cell: ({ facts: { quantization = '' } }) => quantization },
  {
    title: 'SIZE',
    align: 'right',
    cell: ({ facts: { sizeBytes } }) => (sizeBytes === undefined ? '' : bytesText(sizeBytes)),
  },
  { title: 'ELSEWHERE', cell: ({ facts: { remoteHost = '' } }) => remoteHost },
]

const tokens = (count: number | undefined): string => (count === undefined ? '' : countText(count))
