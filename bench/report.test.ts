import { expect, test } from 'bun:test'

import { atLeast, atMost, markdown } from './report.ts'
import { quantile } from './statistics.ts'

test('a figure on its limit meets the goal, one beyond it misses', () => {
  expect(atMost('a', 2.5, 2.5, '×').met).toBe(true)
  expect(atMost('a', 2.51, 2.5, '×').met).toBe(false)
  expect(atLeast('a', 15, 15, '×').met).toBe(true)
  expect(atLeast('a', 14.9, 15, '×').met).toBe(false)
})

test('a figure that was not measured is neither met nor missed', () => {
  expect(atMost('a', undefined, 1, 'ms')).toMatchObject({ figure: 'not measured', met: undefined })
  expect(atLeast('a', Number.NaN, 1, 'ms')).toMatchObject({ figure: 'not measured', met: undefined })
})

test('the page names what is missing, and every goal with its verdict', () => {
  const page = markdown({
    date: '2026-11-21',
    command: 'npm run bench',
    machine: { cores: 2, cpu: 'some CPU', memoryGb: 24, kernel: 'Linux 6', loadBefore: 0 },
    versions: { bun: '1.4.5' },
    missing: ['Portkey was not measured: no network'],
    goals: [atMost('added p50', 0.2, 0.15, 'ms'), atMost('`inhouse --version`', 133, 150, 'ms')],
    tables: [],
  })
  expect(page).toContain('Portkey was not measured: no network')
  expect(page).toMatch(/added p50 +\| ≤ 0.15 ms \| 0.2 ms +\| \*\*missed\*\* \|/)
  expect(page).toMatch(/--version` +\| ≤ 150 ms +\| 133 ms +\| met +\|/)
})

test('a quantile is one of the numbers, and nothing has none', () => {
  expect(quantile([5, 1, 4, 2, 3], 0.5)).toBe(3)
  expect(quantile([5, 1, 4, 2, 3], 0.99)).toBe(5)
  expect(quantile([], 0.5)).toBeNaN()
})
