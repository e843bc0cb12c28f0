import type { Label } from './label.ts'

export const placeKinds = ['on-premises', 'own-tenancy', 'third-party'] as const
export type PlaceKind = (typeof placeKinds)[number]

/** Where a model runs, and the highest label that it may see. */
export interface Place {
  readonly name: string
  readonly kind: PlaceKind
  readonly clearance: Label
  readonly region?: string
  readonly certifications?: readonly string[]
}

/** What a place of each kind may see unless the config says otherwise. */
export const defaultClearance: Record<PlaceKind, Label> = {
  'on-premises': 'restricted',
  'own-tenancy': 'confidential',
  'third-party': 'internal',
}

const builtIn = (name: string, kind: PlaceKind): Place => ({
  name,
  kind,
  clearance: defaultClearance[kind],
})

export const builtInPlaces = {
  local: builtIn('local', 'on-premises'),
  tenant: builtIn('tenant', 'own-tenancy'),
  cloud: builtIn('cloud', 'third-party'),
} as const
