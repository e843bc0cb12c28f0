import type { Behaviour, Target } from '../../core/backend.ts'
import type { Considered, Reason } from '../../core/decision.ts'
import { Failure } from '../../core/failure.ts'
import type { Identity } from '../../core/guard.ts'
import { matchName, untagged } from '../../core/names.ts'
import type { Operation } from '../../core/operation.ts'
import type { Place } from '../../core/place.ts'
import type { Route, Router, Standing } from '../../core/route.ts'

/** A row of `models` as the router needs it: it leads to a backend, or to other rows. */
export interface ModelRow {
  readonly name: string
  /** Rows to ask in this order; a row has either this or a backend. */
  readonly route?: readonly string[]
  readonly backend?: string
  /** The name at the backend; left out, the name that was asked for. */
  readonly model?: string
  readonly behaviour: Behaviour
}

export interface BackendFacts {
  readonly place: Place
  readonly operations: readonly Operation[]
}

/** A router over fixed tables. The same request, key and standing always give the same route, mostly the very same. */
export function createRouter(rows: readonly ModelRow[], backends: ReadonlyMap<string, BackendFacts>): Router {
  const decide = deciderOf(rows, backends)
  const routes = new Map<string, Remembered>()

  return (request, identity, standing) => {
    const places = identity.places === undefined ? '*' : JSON.stringify(identity.places)
    const choice = `${request.operation} ${places} ${request.model}`
    const known = routes.get(choice)
    if (known?.standings.every(({ backend, model, was }) => standing(backend, model) === was) === true) {
      return known.route
    }
    const standings: Seen[] = []
    const route = decide(request, identity, (backend, model) => {
      const was = standing(backend, model)
      standings.push({ backend, model, was })
      return was
    })
    // Under a wildcard clients make up the names.
    if (routes.size >= mostRemembered) routes.clear()
    routes.set(choice, { route, standings })
    return route
  }
}

const mostRemembered = 1000

/** What a backend's state was when a route was chosen. */
interface Seen {
  readonly backend: string
  readonly model: string
  readonly was: Standing
}

interface Remembered {
  readonly route: Route
  readonly standings: readonly Seen[]
}

function deciderOf(rows: readonly ModelRow[], backends: ReadonlyMap<string, BackendFacts>): Router {
  const byName = new Map(rows.map((row) => [row.name, row]))
  const wildcards = [...byName.keys()].filter((name) => name.includes('*'))

  return (request, identity, standing) => {
    const row =
      byName.get(request.model) ??
      byName.get(untagged(request.model)) ??
      byName.get(matchName(request.model, wildcards) ?? '')
    if (row === undefined) {
      throw new Failure('model_unknown', {
        message: `There is no model named ${request.model.slice(0, 200)}.`,
        param: 'model',
      })
    }
    const targets: Target[] = []
    const considered: Considered[] = []
    for (const leaf of leaves(row, request.model, byName)) {
      const place = backends.get(leaf.backend)?.place
      const reasons = objections(leaf, request.operation, identity, backends.get(leaf.backend), standing)
      considered.push({
        row: leaf.row,
        backend: leaf.backend,
        model: leaf.model,
        place: place?.name ?? 'unknown',
        verdict: reasons.length === 0 ? 'eligible' : 'passed-over',
        reasons,
      })
      if (reasons.length === 0) targets.push(leaf)
    }
    return { row: row.name, targets, considered, reasons: [howFound(request.model, row)] }
  }
}

/** The rows with a backend that a row leads to, in order; a row met twice counts once. */
function leaves(
  row: ModelRow,
  asked: string,
  byName: ReadonlyMap<string, ModelRow>,
  seen = new Set<string>(),
): Target[] {
  if (seen.has(row.name)) return []
  seen.add(row.name)
  if (row.backend !== undefined) {
    const model = row.model ?? (row.name.includes('*') ? asked : row.name)
    return [{ row: row.name, backend: row.backend, model, behaviour: row.behaviour }]
  }
  return (row.route ?? []).flatMap((name) => {
    const next = byName.get(name)
    return next === undefined ? [] : leaves(next, name, byName, seen)
  })
}

function objections(
  target: Target,
  operation: Operation,
  identity: Identity,
  backend: BackendFacts | undefined,
  standing: (backend: string, model: string) => 'up' | 'resting',
): Reason[] {
  if (backend === undefined) return [{ code: 'no-backend', text: `there is no backend ${target.backend}` }]
  const reasons: Reason[] = []
  if (!backend.operations.includes(operation)) {
    reasons.push({ code: 'operation', text: `${target.backend} cannot ${operation}` })
  }
  if (identity.places !== undefined && !identity.places.includes(backend.place.name)) {
    reasons.push({ code: 'place', text: `the key may not use ${backend.place.name}` })
  }
  if (standing(target.backend, target.model) === 'resting') {
    reasons.push({ code: 'resting', text: `${target.backend} rests after failures` })
  }
  return reasons
}

const howFound = (asked: string, row: ModelRow): Reason => {
  if (row.route !== undefined) return { code: 'route', text: `${row.name} leads to ${row.route.join(', ')}` }
  if (row.name !== asked && row.name !== untagged(asked))
    return { code: 'wildcard', text: `${row.name} takes this name` }
  return { code: 'named', text: 'asked by name' }
}
