/** The config: one YAML file, checked against a schema that is made of the registries. */
export { explainConfig, showConfig } from './explain.ts'
export { parseListen } from './fields.ts'
export { loadConfig, placed, type Loaded } from './load.ts'
export { ConfigInvalid, problemText, type Problem } from './problem.ts'
export { renderConfigReference } from './reference.ts'
export { configJsonSchema, type Settings } from './schema.ts'
export { watchConfig } from './watch.ts'
