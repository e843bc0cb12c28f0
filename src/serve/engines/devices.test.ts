import { expect, test } from 'bun:test'

import { deviceEnvironment, devicesOf } from './devices.ts'
import type { Gpu } from './machine.ts'

const card = (vendor: Gpu['vendor'], memoryBytes: number): Gpu => ({ vendor, name: 'a card', memoryBytes })
const machine = { gpus: [card('nvidia', 10), card('nvidia', 20), card('amd', 30)] }

test('accelerators are numbered as their vendors’ tools number them', () => {
  expect(devicesOf(machine, {})).toEqual([
    { vendor: 'nvidia', name: '0', memoryBytes: 10 },
    { vendor: 'nvidia', name: '1', memoryBytes: 20 },
    { vendor: 'amd', name: '0', memoryBytes: 30 },
  ])
  expect(devicesOf({ gpus: [card('apple', 1)] }, {})).toEqual([])
})

test('who was given some of the accelerators gives no others away', () => {
  const granted = devicesOf(machine, { CUDA_VISIBLE_DEVICES: '1', HIP_VISIBLE_DEVICES: '' })
  expect(granted).toEqual([{ vendor: 'nvidia', name: '1', memoryBytes: 20 }])
  expect(deviceEnvironment(granted)).toMatchObject({ CUDA_VISIBLE_DEVICES: '1', HIP_VISIBLE_DEVICES: '' })
})

test('an engine that shares sees all, and one for the CPU alone sees none', () => {
  expect(deviceEnvironment(undefined)).toEqual({})
  expect(deviceEnvironment([])).toMatchObject({ CUDA_VISIBLE_DEVICES: '', HIP_VISIBLE_DEVICES: '' })
})
