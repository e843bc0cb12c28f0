import { join } from 'node:path'

import type { EngineOpener } from '../core/backend.ts'
import type { Clock } from '../core/clock.ts'
import { Failure } from '../core/failure.ts'
import type { ModelFacts } from '../core/model-facts.ts'
import { builtInPlaces, defaultClearance, type Place } from '../core/place.ts'
import type { Door } from '../core/send.ts'
import type { Settings } from '../config/schema.ts'
import { withAdapters } from './adapter-rows.ts'
import { defined } from './defined.ts'
import { logCircuit, type Log } from './log.ts'
import { createGuard } from '../protect/guard/guard.ts'
import type { KeyStore } from '../protect/guard/key-store.ts'
import type { Counters } from '../protect/guard/limits.ts'
import { kindOf } from '../serve/backends/index.ts'
import type { Setup } from '../serve/gateway/gateway.ts'
import type { GatewaySettings } from '../serve/gateway/settings.ts'
import { Upstreams } from '../serve/gateway/upstreams.ts'
import { createRouter, type ModelRow } from '../serve/route/router.ts'

/** What stays when the config changes. */
export interface Lasting {
  readonly clock: Clock
  readonly log: Log
  readonly door: Door
  readonly engines: EngineOpener
  readonly keys: KeyStore
  readonly counters: Counters
  /** What is known of a row's model. */
  readonly facts: (row: string) => ModelFacts | undefined
}

/** What the gateway works with under this config. Backends keep their queue and health under the same name. */
export function makeSetup(config: Settings, lasting: Lasting, before?: Setup): Setup {
  const { clock, log, door, engines, keys, counters } = lasting
  const places = placesOf(config)
  const settings = gatewaySettings(config)
  const backends = Object.entries(config.backends).map(([name, row]) => {
    const kind = kindOf(row)
    const place = placeOf(kind.placeOf(row), places)
    const backend = kind.create(name, row, {
      place,
      send: door.sendTo(place),
      engines,
      clock,
      factsOf: (target) => lasting.facts(target.row),
    })
    const { connectMs, firstEventMs, betweenEventsMs } = { ...settings, ...defined(row.timeouts ?? {}) }
    return { backend, deadlines: { connectMs, firstEventMs, betweenEventsMs } }
  })
  const route = createRouter(
    modelRows(config),
    new Map(backends.map(({ backend }) => [backend.name, backend])),
  )
  const guard = createGuard({ keys, counters, policy: config.limits, clock })
  // Last: the queues that calls stand in are changed in place, and a config that fails must change nothing.
  const upstreams = Upstreams.of(backends, clock, settings, logCircuit(log), before?.upstreams)
  return { settings, route, guard, upstreams }
}

function placesOf(config: Settings): ReadonlyMap<string, Place> {
  const places = new Map<string, Place>(Object.entries(builtInPlaces))
  for (const [name, place] of Object.entries(config.places)) {
    places.set(name, { clearance: defaultClearance[place.kind], ...place, name })
  }
  return places
}

function placeOf(name: string, places: ReadonlyMap<string, Place>): Place {
  const place = places.get(name)
  if (place === undefined) throw new Failure('config_invalid', `There is no place named ${name}.`)
  return place
}

const modelRows = (config: Settings): ModelRow[] =>
  Object.entries(withAdapters(config.models)).map(([name, row]) => ({
    name,
    ...(row.route !== undefined && { route: row.route }),
    ...(row.backend !== undefined && { backend: row.backend }),
    ...(row.model !== undefined && { model: row.model }),
    behaviour: {
      ...(row.system !== undefined && { system: row.system }),
      ...(row.stop !== undefined && { stop: row.stop }),
      ...(row.sampling !== undefined && { defaults: row.sampling }),
      ...(row.limits !== undefined && { limits: row.limits }),
      ...(row.context !== undefined && { context: row.context }),
      ...(row.api !== undefined && { api: row.api }),
      ...(row.extra !== undefined && { extra: row.extra }),
    },
  }))

const gatewaySettings = ({ timeouts, retries, health, server }: Settings): GatewaySettings => ({
  connectMs: timeouts.connectMs,
  firstEventMs: timeouts.firstEventMs,
  betweenEventsMs: timeouts.betweenEventsMs,
  heartbeatMs: timeouts.heartbeatMs,
  headersAfterMs: timeouts.headersAfterMs,
  maxAnswerBytes: server.maxAnswerBytes,
  retries,
  health,
  queue: { maxWaitMs: timeouts.queueMs },
})

export const storePath = (home: string): string => join(home, 'inhouse.db')
