import { join } from 'node:path'

import type { Loaded, Settings } from '../config/index.ts'
import { kindOf } from '../serve/backends/index.ts'

type Section = 'backends' | 'models'

/** The config file as it is, or as it would be made. */
export interface Written {
  readonly file: string
  /** Those that stand in it already: a second one of the name would be refused. */
  readonly sections: ReadonlySet<Section>
}

export const writtenOf = ({ file, home, origins }: Loaded): Written => ({
  file: file ?? join(home, 'inhouse.yaml'),
  sections: new Set((['backends', 'models'] as const).filter((section) => origins.has(section))),
})

/** What to write into the config, to paste: rows below the sections that stand there, whole sections else. Pure. */
export const configLines = (
  { file, sections }: Written,
  rows: Readonly<Record<Section, readonly string[]>>,
): string[] => [
  `# ${file}`,
  ...(['backends', 'models'] as const).flatMap((section) =>
    rows[section].length === 0
      ? []
      : [
          sections.has(section) ? `# below \`${section}:\`` : `${section}:`,
          ...rows[section].map((row) => `  ${row}`),
        ],
  ),
]

/** What stands for the backends where the file names none: a section of them must repeat it. */
export const builtInBackend = 'here: { kind: managed }'

/** The backend that runs models on this machine, and the row that it needs where the config has none. Pure. */
export const ownBackend = ({
  backends,
}: Settings): { readonly name: string; readonly rows: readonly string[] } => {
  const [name] = Object.entries(backends).find(([, row]) => kindOf(row).runsModels === true) ?? []
  return name === undefined ? { name: 'here', rows: [builtInBackend] } : { name, rows: [] }
}
