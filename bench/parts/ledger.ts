import type { Bench } from '../bench.ts'
import { output } from '../child.ts'
import type { LedgerFigures } from '../ledger.ts'
import { atMost } from '../report.ts'
import type { Part } from '../report.ts'

/** The ledger at size, in a process of its own so that only its CPU counts. */
export async function ledger({ plan, say }: Bench): Promise<Part> {
  say(`a ledger of ${plan.ledgerRows.toLocaleString('en')} rows`)
  const program = new URL('../ledger.ts', import.meta.url).pathname
  const figures = JSON.parse(await output([process.execPath, program, `${plan.ledgerRows}`])) as LedgerFigures
  const { rows, fillSeconds, megabytes, rollupRows, usageMs, requestMicros } = figures
  return {
    goals: [
      atMost(
        `\`usage --by model --days 30\` over ${rows.toLocaleString('en')} rows`,
        usageMs['model'],
        300,
        'ms',
      ),
      atMost(
        'CPU of hold and settlement in the full ledger against the empty one',
        requestMicros.full / requestMicros.empty,
        1.2,
        '×',
      ),
    ],
    tables: [
      {
        title: 'Ledger',
        note: `Filled with synthetic entries in ${fillSeconds} s: ${megabytes} MB, ${rollupRows.toLocaleString('en')} rolled-up rows.`,
        rows: [
          ...Object.entries(usageMs).map(([by, ms]) => ({
            what: `usage by ${by}, 30 days`,
            figure: ms,
            unit: 'ms',
          })),
          { what: 'hold and settlement, empty ledger', figure: requestMicros.empty, unit: 'µs CPU' },
          { what: 'hold and settlement, full ledger', figure: requestMicros.full, unit: 'µs CPU' },
        ],
      },
    ],
  }
}
