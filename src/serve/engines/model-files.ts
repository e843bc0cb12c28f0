import type { EngineRow } from './engine.ts'

/** The files that a row's engine reads: all parts of a model that is split (`x-00001-of-00003.gguf`), and its projector. */
export const modelFiles = ({ modelPath, mmproj }: Pick<EngineRow, 'modelPath' | 'mmproj'>): string[] => {
  const [suffix, count = '1'] = /-00001-of-(\d{5})\.gguf$/i.exec(modelPath) ?? []
  const stem = modelPath.slice(0, -(suffix?.length ?? 0))
  const part = (index: number): string => `${stem}-${String(index + 1).padStart(5, '0')}-of-${count}.gguf`
  const model =
    suffix === undefined ? [modelPath] : Array.from({ length: Number(count) }, (_, at) => part(at))
  return mmproj === undefined ? model : [...model, mmproj]
}
