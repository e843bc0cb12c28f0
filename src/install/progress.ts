/** How far a slow piece of work is. The command line draws bars from it. */
export interface Progress {
  /** What is being done, as a person would say it: `Downloading x.gguf`. */
  readonly label: string
  /** Bytes so far. */
  readonly done: number
  /** Bytes in all, where known. */
  readonly total?: number
}

export type OnProgress = (progress: Progress) => void

/** What every slow piece of work takes. */
export interface Watch {
  readonly onProgress?: OnProgress
  /** Aborting rejects with the signal's reason. */
  readonly signal?: AbortSignal
}
