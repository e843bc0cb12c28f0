import { Document, isMap, stringify } from 'yaml'

import { hiddenIn, type Row } from './edit.ts'
import { showPlaceholders } from './placeholders.ts'

const mostColumns = 110

/** A config as a person would write it: a row a line, where it fits. Placeholders are as they stand in the values. */
export function renderConfig(tree: Row, head: readonly string[] = []): string {
  const document = new Document(hiddenIn(tree))
  for (const section of Object.keys(tree)) {
    const map = document.get(section, true)
    if (!isMap(map)) continue
    for (const { key, value } of map.items) {
      if (!isMap(value)) continue
      value.flow = true
      const line = stringify({ [String(key)]: value }, { lineWidth: 0 })
      if (line.length + 2 > mostColumns) value.flow = false
    }
  }
  const lines = head.map((line) => `# ${line}\n`).join('')
  return `${lines}${showPlaceholders(document.toString({ lineWidth: 0 }))}`
}
