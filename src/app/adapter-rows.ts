import type { Settings } from '../config/schema.ts'
import { adapterName } from '../serve/engines/adapter-name.ts'

type Rows = Settings['models']

/** The rows of the config, and one more for each of their adapters. What a row of the config is called, it is. Pure. */
export const withAdapters = (models: Rows): Rows => ({
  ...models,
  ...Object.fromEntries(
    Object.entries(models).flatMap(([name, { adapters = {}, ...row }]) =>
      Object.keys(adapters).map((adapter) => [adapterName(name, adapter), row]),
    ),
  ),
  ...models,
})
