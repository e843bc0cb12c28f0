import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { openStore } from '../../store/open.ts'
import { ledgerContract } from '../../testing/ledger-contract.ts'
import { ledgerTables } from './schema.ts'

ledgerContract('SQLite', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'inhouse-ledger-'))
  return {
    open: () => openStore(join(folder, 'ledger.db'), { migrations: [ledgerTables] }),
    remove: () => rm(folder, { recursive: true }),
  }
})
