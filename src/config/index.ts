/** The config: one YAML file, checked against a schema that is made of the registries. */
export { explainConfig, showConfig, type Explained } from './explain.ts'
export { parseListen } from './fields.ts'
export { resolveHome } from './home.ts'
export { loadConfig, type Loaded, type LoadOptions } from './load.ts'
export { ConfigInvalid, type Problem } from './problem.ts'
export { renderConfigReference } from './reference.ts'
export { configJsonSchema, type Settings } from './schema.ts'
export { watchConfig } from './watch.ts'
