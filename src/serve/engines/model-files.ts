import type { EngineRow } from './engine.ts'

/**
 * The files (or folders) that a row's engine reads: all parts of a model that is split (`x-00001-of-00003.gguf`), its
 * projector and its adapters.
 */
export const modelFiles = (row: Pick<EngineRow, 'modelPath' | 'mmproj' | 'adapters'>): string[] => {
  const { modelPath, mmproj, adapters = {} } = row
  const [suffix, count = '1'] = /-00001-of-(\d{5})\.gguf$/i.exec(modelPath) ?? []
  const stem = modelPath.slice(0, -(suffix?.length ?? 0))
  const part = (index: number): string => `${stem}-${String(index + 1).padStart(5, '0')}-of-${count}.gguf`
  const model =
    suffix === undefined ? [modelPath] : Array.from({ length: Number(count) }, (_, at) => part(at))
  return [
    ...(modelPath === '' ? [] : model),
    ...(mmproj === undefined ? [] : [mmproj]),
    ...Object.values(adapters).map(({ path }) => path),
  ]
}
