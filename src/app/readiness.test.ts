import { expect, test } from 'bun:test'

import { schema } from '../config/schema.ts'
import type { Engines } from '../serve/engines/engines.ts'
import type { Gateway } from '../serve/gateway/gateway.ts'
import { HealthByModel } from '../serve/gateway/health.ts'
import type { LocalModels } from './local-models.ts'
import { readinessOf } from './readiness.ts'

test.each([
  ['small', {}],
  ['named', { model: 'its-name' }],
])('a model of our own whose circuit is open makes nobody ready: %s', (row, more) => {
  const clock = { now: () => 0, tick: () => 0 }
  const health = new HealthByModel(clock, { failuresToOpen: 1, openMs: 1000 })
  const config = schema.parse({ models: { [row]: { backend: 'here', source: 'file:/m.gguf', ...more } } })
  const ready = () =>
    readinessOf({
      config,
      gateway: {
        isDraining: false,
        setup: { upstreams: { standing: (_: string, model?: string) => health.standing(model) } },
      } as unknown as Gateway,
      engines: { status: () => ({ rows: [{ row, state: 'ready' }] }) } as unknown as Engines,
      local: { trouble: () => undefined, isComing: () => false } as unknown as LocalModels,
      store: undefined,
    })
  expect(ready()).toMatchObject({ ready: true, models: { [row]: 'ready' } })
  health.of('model' in more ? more.model : row).failed('upstream_failed')
  expect(ready()).toMatchObject({ ready: false, models: { [row]: 'resting' } })
})
