import { place, type Loaded, type Need, type Room } from './place.ts'

export type { Loaded, Need, Room } from './place.ts'

/** A request that waits for its model. Numbers grow in the order of arrival. */
export interface Waiting {
  readonly id: number
  readonly row: string
  /** The higher goes first. */
  readonly priority: number
  /** Later requests for other models that went before it. */
  readonly overtaken: number
}

export interface Situation {
  /** In the order of arrival. */
  readonly waiting: readonly Waiting[]
  readonly loaded: readonly Loaded[]
  readonly room: Room
  /** Later requests that may go before one that needs a swap. */
  readonly patience: number
  /** What a model that is not loaded would take. */
  readonly needOf: (row: string) => Need
}

export type Action =
  /** `overtakes`: the older ones that need a swap count it. */
  | { readonly do: 'grant'; readonly id: number; readonly row: string; readonly overtakes: boolean }
  /** Onto these accelerators; undefined: it sees all. */
  | { readonly do: 'load'; readonly row: string; readonly devices: readonly number[] | undefined }
  | { readonly do: 'unload'; readonly row: string }
  /** It can never be loaded beside the pinned models. */
  | { readonly do: 'refuse'; readonly row: string }

/**
 * What to do next; undefined: wait until something changes. Pure. Requests for loaded models go first, together, so
 * that A B A A C loads each model once. But when `patience` later requests have gone before the one that is to be
 * loaded for, the model that must make room for it takes no more of the later ones. One model moves at a time; what is
 * in use or pinned is never unloaded, and what was in use a moment ago only when patience or all other work has ended.
 */
export const next = (situation: Situation): Action | undefined => {
  const { waiting, loaded, patience } = situation
  const usable = new Map(loaded.filter((model) => !model.stale).map((model) => [model.row, model]))
  const inOrder = waiting.toSorted(byUrgency(patience))
  const first = inOrder.find((request) => !usable.has(request.row))
  const plan = first && place(first.row, situation.needOf(first.row), situation)
  const isMoving = loaded.some((model) => model.state === 'moving')
  const isLate = first !== undefined && first.overtaken >= patience
  for (const { id, row } of inOrder) {
    const model = usable.get(row)
    if (model === undefined || model.state !== 'ready' || model.inUse >= model.slots) continue
    if (isLate && id > first.id && plan?.victims.includes(model) === true) continue
    return { do: 'grant', id, row, overtakes: !isLate && !isMoving }
  }
  if (isMoving) return undefined
  const stale = loaded.find((model) => model.stale && model.inUse === 0)
  if (stale !== undefined) return { do: 'unload', row: stale.row }
  if (first === undefined) return undefined
  if (plan === undefined) return { do: 'refuse', row: first.row }
  if (plan.victims.length === 0) return { do: 'load', row: first.row, devices: plan.devices }
  const mayGo = isLate || loaded.every((model) => model.inUse === 0)
  const idle = plan.victims.find((model) => model.inUse === 0 && (mayGo || !model.awaited))
  return idle && { do: 'unload', row: idle.row }
}

/** Who has let enough others go before comes first, in the order of arrival; then by priority. */
const byUrgency =
  (patience: number) =>
  (a: Waiting, b: Waiting): number => {
    const [aIsLate, bIsLate] = [a.overtaken >= patience, b.overtaken >= patience]
    if (aIsLate || bIsLate) return Number(bIsLate) - Number(aIsLate) || a.id - b.id
    return b.priority - a.priority || a.id - b.id
  }

/** Who is still waiting after `granted` went. A swap that is under way overtakes nobody: it is what they wait for. */
export const afterGrant = (
  waiting: readonly Waiting[],
  granted: { readonly id: number; readonly overtakes: boolean },
  hasProcess: (row: string) => boolean,
): Waiting[] =>
  waiting
    .filter((request) => request.id !== granted.id)
    .map((request) =>
      granted.overtakes && request.id < granted.id && !hasProcess(request.row)
        ? { ...request, overtaken: request.overtaken + 1 }
        : request,
    )
