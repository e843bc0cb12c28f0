export interface DiffLine {
  readonly sign: ' ' | '+' | '-'
  readonly text: string
}

/** Lines that differ, with those around them; each run of them is one part. Pure. */
export const diffOf = (before: string, after: string, around = 2): readonly (readonly DiffLine[])[] => {
  const lines = compared(linesOf(before), linesOf(after))
  const parts: DiffLine[][] = []
  let last = -Infinity
  const near = (at: number): boolean =>
    lines.slice(Math.max(0, at - around), at + around + 1).some(({ sign }) => sign !== ' ')
  lines.forEach((line, at) => {
    if (!near(at)) return
    if (at > last + 1) parts.push([])
    parts.at(-1)?.push(line)
    last = at
  })
  return parts
}

const linesOf = (text: string): string[] => (text === '' ? [] : text.replace(/\n$/, '').split('\n'))

/** By the longest common subsequence of what lies between the same beginning and the same end. */
const compared = (before: readonly string[], after: readonly string[]): DiffLine[] => {
  let head = 0
  while (head < before.length && head < after.length && before[head] === after[head]) head += 1
  let tail = 0
  const most = Math.min(before.length, after.length) - head
  while (tail < most && before.at(-1 - tail) === after.at(-1 - tail)) tail += 1
  const same = (lines: readonly string[]): DiffLine[] => lines.map((text) => ({ sign: ' ', text }))
  return [
    ...same(before.slice(0, head)),
    ...middle(before.slice(head, before.length - tail), after.slice(head, after.length - tail)),
    ...same(before.slice(before.length - tail)),
  ]
}

const middle = (before: readonly string[], after: readonly string[]): DiffLine[] => {
  // common[i][j]: as long as the lines from i and from j on have in common.
  const common = Array.from({ length: before.length + 1 }, () => new Uint32Array(after.length + 1))
  const at = (i: number, j: number): number => common[i]?.[j] ?? 0
  for (let i = before.length - 1; i >= 0; i -= 1)
    for (let j = after.length - 1; j >= 0; j -= 1) {
      const row = common[i]
      if (row !== undefined)
        row[j] = before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1))
    }
  const lines: DiffLine[] = []
  let [i, j] = [0, 0]
  while (i < before.length || j < after.length) {
    const [gone, come] = [before[i], after[j]]
    if (gone !== undefined && gone === come) {
      lines.push({ sign: ' ', text: gone })
      i += 1
      j += 1
    } else if (gone !== undefined && (come === undefined || at(i + 1, j) >= at(i, j + 1))) {
      lines.push({ sign: '-', text: gone })
      i += 1
    } else {
      lines.push({ sign: '+', text: come ?? '' })
      j += 1
    }
  }
  return lines
}
