import { expect, test } from 'bun:test'

import { amountText, createBars, withBars } from './progress.ts'

class Screen {
  readonly isTTY: boolean
  columns = 80
  text = ''
  clock = 0
  constructor(isTTY: boolean) {
    this.isTTY = isTTY
  }
  write(text: string): void {
    this.text += text
  }
  bars = () => createBars(this, () => this.clock)
  /** What stands on the terminal when all escape sequences have been followed. */
  get shown(): string[] {
    const lines: string[] = []
    let at = 0
    // oxlint-disable-next-line no-control-regex -- escape sequences are what is followed
    for (const [, up, line] of this.text.matchAll(/\u001B\[(\d+)A\r\u001B\[J|([^\n\u001B]*)\n/g)) {
      if (up === undefined) lines[at++] = line ?? ''
      else lines.length = at -= Number(up)
    }
    return lines
  }
}

test('two downloads at once have a line each, redrawn in place', () => {
  const screen = new Screen(true)
  const bars = screen.bars()
  bars.onProgress({ label: 'Fetching a', done: 0, total: 100e6 })
  bars.onProgress({ label: 'Fetching model', done: 0, total: 200e6 })
  screen.clock = 2000
  bars.onProgress({ label: 'Fetching a', done: 50e6, total: 100e6 })
  expect(screen.shown).toEqual([
    '██████████░░░░░░░░░░ Fetching a      50 MB of 100 MB, 25 MB/s, 2.0 s left',
    '░░░░░░░░░░░░░░░░░░░░ Fetching model  0 B of 200 MB',
  ])
  screen.clock = 4000
  bars.onProgress({ label: 'Fetching a', done: 100e6, total: 100e6 })
  bars.end()
  expect(screen.shown[0]).toBe('████████████████████ Fetching a      100 MB in 4.0 s')
})

test('what an earlier run left is not counted as speed', () => {
  const item = { began: 0, from: 90e6, at: 1000, progress: { label: 'x', done: 91e6, total: 100e6 } }
  expect(amountText(item, false)).toBe('91 MB of 100 MB, 1 MB/s, 9.0 s left')
})

test('no line is wider than the terminal', () => {
  const screen = new Screen(true)
  screen.bars().onProgress({ label: 'Unpacking '.repeat(20), done: 5e6, total: 1e9 })
  for (const line of screen.shown) expect(line.length).toBeLessThan(80)
})

test('a line of the log stands above the bars and tears none apart', () => {
  const screen = new Screen(true)
  const bars = screen.bars()
  bars.onProgress({ label: 'Fetching a', done: 0, total: 10 })
  bars.above('something happened\n')
  expect(screen.shown).toEqual(['something happened', '░░░░░░░░░░░░░░░░░░░░ Fetching a  0 B of 10 B'])
})

test('work that has no size is gone when it is over', () => {
  const screen = new Screen(true)
  const bars = screen.bars()
  bars.onProgress({ label: 'Starting', done: 0 })
  expect(screen.shown).toHaveLength(1)
  bars.end()
  expect(screen.shown).toEqual([])
})

test('a download whose size was only guessed ends with a full bar and its true size', async () => {
  const screen = new Screen(true)
  await withBars(screen.bars(), async (onProgress) => {
    onProgress({ label: 'Fetching xllamacpp', done: 0, total: 34e6 })
    screen.clock = 2000
    onProgress({ label: 'Fetching xllamacpp', done: 33.8e6, total: 33.8e6 })
  })
  expect(screen.shown).toEqual(['████████████████████ Fetching xllamacpp  33.8 MB in 2.0 s'])
})

test('a terminal that says it has no columns is taken for one of the usual width', () => {
  const screen = new Screen(true)
  screen.columns = 0
  screen.bars().onProgress({ label: 'Fetching a', done: 0, total: 10 })
  expect(screen.shown).toEqual(['░░░░░░░░░░░░░░░░░░░░ Fetching a  0 B of 10 B'])
})

test('a download that fails keeps the bar it had', async () => {
  const screen = new Screen(true)
  const work = withBars(screen.bars(), (onProgress) => {
    onProgress({ label: 'Fetching a', done: 5e6, total: 10e6 })
    return Promise.reject(new Error('cut'))
  })
  expect(await work.catch((error: Error) => error.message)).toBe('cut')
  expect(screen.shown).toEqual(['██████████░░░░░░░░░░ Fetching a  5 MB of 10 MB in 0.0 ms'])
})

test('without a terminal an item is told at its beginning, every ten seconds and once at its end', () => {
  const screen = new Screen(false)
  const bars = screen.bars()
  for (let done = 0; done <= 250; done++) {
    screen.clock = done * 100
    bars.onProgress({ label: 'Fetching a', done: done * 1e6, total: 250e6 })
  }
  bars.onProgress({ label: 'Fetching a', done: 250e6, total: 250e6 })
  expect(screen.text).toBe(
    [
      'Fetching a  0 B of 250 MB',
      'Fetching a  100 MB of 250 MB, 10 MB/s, 15.0 s left',
      'Fetching a  200 MB of 250 MB, 10 MB/s, 5.0 s left',
      'Fetching a  250 MB in 25.0 s',
      '',
    ].join('\n'),
  )
})
