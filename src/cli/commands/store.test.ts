import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'bun:test'

import { Testbed } from '../../testing/testbed.ts'

test('a backup that cannot be written or put back is told as what it is, and the store is not blamed', async () => {
  using bed = new Testbed()
  mkdirSync(join(bed.home, 'folder'))
  writeFileSync(join(bed.home, 'notes.txt'), 'no database at all, but long enough to be read'.repeat(20))
  await bed.run(['keys', 'create', '--name', 'a'])
  await bed.run(['store', 'backup', 'copy.db'])
  const refused = [
    ['backup copy.db', 2, /copy\.db is there already\.\n→ .*overwrites nothing/],
    ['backup folder', 2, /folder is there already\./],
    ['backup none/copy.db', 2, /There is no folder .*none\.\n→ Make it first/],
    ['restore none.db', 2, /There is no file .*none\.db\.\n→ .*`inhouse store backup`/],
    ['restore folder', 2, /There is no file .*folder\./],
    ['restore notes.txt', 1, /notes\.txt.*\n→ The store is as it was; take another backup\./],
  ] as const
  for (const [line, code, told] of refused) {
    const ran = await bed.run(['store', ...line.split(' ')])
    expect({ line, code: ran.code }).toEqual({ line, code })
    expect(ran.err).toMatch(told)
    expect(ran.err).not.toContain('inhouse doctor')
  }
})
