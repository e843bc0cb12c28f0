import { stat } from 'node:fs/promises'

import { storePath } from '../../app/setup.ts'
import { builtInPlaces } from '../../core/place.ts'
import { openStore } from '../../store/open.ts'
import type { Context } from '../context.ts'
import { withKeys } from '../home-store.ts'

/** What a shell asks for while somebody types. */
export const nameKinds = ['models', 'places', 'keys'] as const
export type NameKind = (typeof nameKinds)[number]

/** Names to choose from. Makes and changes nothing. */
export const namesOf = async (kind: NameKind, context: Context): Promise<string[]> => {
  const names = await readers[kind](context)
  // Shells take a list apart at spaces; a star is no name.
  return names.filter((name) => /^[^\s*]+$/.test(name))
}

const readers: Readonly<Record<NameKind, (context: Context) => Promise<string[]>>> = {
  models: async ({ load }) => Object.keys((await load({ secrets: 'unread' })).config.models),
  places: async ({ load }) => [
    ...Object.keys(builtInPlaces),
    ...Object.keys((await load({ secrets: 'unread' })).config.places),
  ],
  keys: async ({ home }) => {
    const path = storePath(home)
    if (!(await stat(path).catch(() => undefined))) return []
    const store = await openStore(path, { migrations: [] })
    try {
      return await withKeys(store, (keys) =>
        keys.list().flatMap(({ name, revokedAt }) => (revokedAt === undefined ? [name] : [])),
      )
    } finally {
      await store.close()
    }
  },
}
