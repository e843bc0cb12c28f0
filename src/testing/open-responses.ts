import Ajv2020 from 'ajv/dist/2020'

type Json = Record<string, unknown>

interface Specification {
  readonly components: { readonly schemas: Record<string, Json> }
}

const file = `${import.meta.dir}/../../fixtures/open-responses/openapi-2026-04-24.json`
const specification = (await Bun.file(file).json()) as Specification
const { schemas } = specification.components

/**
 * What the specification leaves to its extensions and OpenAI's clients know: tools that take free text.
 * Source: `ResponseCustomToolCall` and its events in `resources/responses/responses.d.ts` of the npm package openai 6.49.0.
 */
const customCall = {
  type: 'object',
  properties: {
    type: { const: 'custom_tool_call' },
    id: { type: 'string' },
    call_id: { type: 'string' },
    name: { type: 'string' },
    input: { type: 'string' },
    status: { enum: ['in_progress', 'completed', 'incomplete'] },
  },
  required: ['type', 'id', 'call_id', 'name', 'input'],
}
const customEvent = (type: string, text: string): Json => ({
  type: 'object',
  properties: {
    type: { const: type },
    sequence_number: { type: 'integer' },
    item_id: { type: 'string' },
    output_index: { type: 'integer' },
    [text]: { type: 'string' },
  },
  required: ['type', 'sequence_number', 'item_id', 'output_index', text],
})

const extended: Record<string, Json> = {
  ...schemas,
  ItemField: { oneOf: [schemas['ItemField'] ?? {}, customCall] },
  CustomInputDelta: customEvent('response.custom_tool_call_input.delta', 'delta'),
  CustomInputDone: customEvent('response.custom_tool_call_input.done', 'input'),
}

const ajv = new Ajv2020({ strict: false, allErrors: true })
ajv.addSchema({ components: { schemas: extended } }, 'open-responses')

/** By the type of the event. */
const eventSchemas = new Map<unknown, string>()
for (const [name, schema] of Object.entries(extended)) {
  const { type } = (schema['properties'] ?? {}) as { type?: { enum?: unknown[]; const?: unknown } }
  if (name.endsWith('StreamingEvent') || name.startsWith('CustomInput'))
    eventSchemas.set(type?.enum?.[0] ?? type?.const, name)
}

/** What the schema of this name has against a value; empty where it is valid. */
export function faultsOf(schema: string, value: unknown): string[] {
  const validate = ajv.getSchema(`open-responses#/components/schemas/${schema}`)
  if (validate === undefined) throw new Error(`The specification has no schema ${schema}.`)
  if (validate(value) === true) return []
  return (validate.errors ?? []).map(({ instancePath, message }) => `${schema}${instancePath} ${message}`)
}

/** What the specification has against an event of a stream. */
export function eventFaults(event: { readonly type?: unknown }): string[] {
  const schema = eventSchemas.get(event.type)
  return schema === undefined ? [`no event is called ${String(event.type)}`] : faultsOf(schema, event)
}
