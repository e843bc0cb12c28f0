import { expect, test } from 'bun:test'
import type Anthropic from '@anthropic-ai/sdk'
import type OpenAI from 'openai'

import { renderModel, renderModels } from './models.ts'

test('one entry serves readers of OpenAI’s and of Anthropic’s list', () => {
  const row = { name: 'small', created: 1700000000, ownedBy: 'inhouse', context: 4096, maxOutput: 1024 }
  const entry = renderModel(row)
  entry satisfies OpenAI.Model
  entry satisfies Pick<
    Anthropic.ModelInfo,
    'id' | 'type' | 'display_name' | 'created_at' | 'max_input_tokens' | 'max_tokens'
  >
  expect(entry).toEqual({
    id: 'small',
    object: 'model',
    created: 1700000000,
    owned_by: 'inhouse',
    type: 'model',
    display_name: 'small',
    created_at: '2023-11-14T22:13:20.000Z',
    max_input_tokens: 4096,
    max_tokens: 1024,
  })
})

test('the list is one page and names its ends, also when it is empty', () => {
  const row = (name: string) => ({ name, created: 0, ownedBy: 'x' })
  expect(renderModels([row('a'), row('b')])).toMatchObject({
    object: 'list',
    data: [{ id: 'a', max_input_tokens: null }, { id: 'b' }],
    has_more: false,
    first_id: 'a',
    last_id: 'b',
  })
  expect(renderModels([])).toEqual({
    object: 'list',
    data: [],
    has_more: false,
    first_id: null,
    last_id: null,
  })
})
