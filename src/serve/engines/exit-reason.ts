/** How an engine's process ended. */
export interface Exit {
  readonly code: number | null
  readonly signal: string | null
  /** Its last words. */
  readonly tail: string
}

/** What an engine's end means, in a sentence that says what to do. Never quotes a prompt: only known words. Pure. */
export const exitReason = ({ code, signal, tail }: Exit): string => {
  // The engine had no time to say anything of these: its last words are about something else.
  const fate = signal === null ? undefined : outside[signal]
  if (fate !== undefined) return fate
  for (const [pattern, explain] of knownFailures) {
    const match = pattern.exec(tail)
    if (match !== null) return explain(match[1] ?? '')
  }
  return signal === null ? `it ended with status ${code}` : `it crashed (${signal})`
}

/** Signals that come from the system or another program. */
const outside: Readonly<Record<string, string>> = {
  SIGILL:
    'the CPU lacks an instruction that this build needs; set engines.llamaServer to a build for this CPU',
  SIGKILL: 'it was killed from outside, most often because the machine ran out of memory',
  SIGTERM: 'it was told to stop from outside',
  SIGBUS: 'the model file was cut short while it was read (SIGBUS)',
}

// The most telling first: a failed load also ends in "failed to load model".
const knownFailures: readonly (readonly [RegExp, (found: string) => string])[] = [
  [
    /unknown model architecture: '([\w.-]{1,64})'/,
    (name) => `this engine does not know the architecture ${name}; a newer engine may`,
  ],
  [
    /out of memory|unable to allocate|failed to allocate|cudaMalloc failed|MemoryError|cannot allocate memory/i,
    () => 'there is not enough memory; lower context, slots or gpuLayers, or take a smaller model',
  ],
  [
    /invalid magic|bad magic|not a GGUF|magic characters/i,
    () => 'the model is not a GGUF file, or it is damaged; pull it again',
  ],
  [
    /tensor '?[\w.]*'? ?data is not within the file bounds|file bounds|corrupted or incomplete/i,
    () => 'the model file is incomplete; pull it again',
  ],
  [/lib(\w+)\.so\S* ?: cannot open shared object/i, missingLibrary],
  [
    /version `(GLIBC\w*_[\d.]+)' not found/,
    (name) => `this system's C library is too old: the engine needs ${name}`,
  ],
  [
    /(No module named '[\w.]{1,64}')/,
    (name) => `the installation is damaged (${name}); install the engine again`,
  ],
  [
    /couldn't bind|bind: Address already in use|failed to bind|\[Errno 98\]|listen tcp .*address already in use/i,
    () => 'its port was taken by another program',
  ],
  [
    /unsupported cache type|V cache quantization requires|KeyError: 'GGML_TYPE_/i,
    () => 'the cacheType of its row is unknown, or this model cannot use it',
  ],
  [
    /AttributeError: .* has no attribute '(\w{1,64})'/,
    (name) => `this version of the engine does not know ${name}; install the pinned one`,
  ],
  [/error: invalid argument: (--?[\w-]{1,40})/, (flag) => `this llama-server does not know ${flag}`],
  [/error: unrecognized arguments: (--?[\w-]{1,40})/, (flag) => `this engine does not know ${flag}`],
  [
    /KV cache is needed, which is larger than|No available memory for the cache blocks/,
    () => 'there is no memory left for its contexts; lower context, or give it more memory',
  ],
  [
    /LoRA rank (\d+) is greater than/i,
    (rank) => `an adapter has rank ${rank}; give extraArgs: [--max-lora-rank, "${rank}"]`,
  ],
  [/exec: .{1,200}: not found/, () => 'its program is not there'],
  [
    /chat template parsing error|failed to (?:parse|initialize|apply) chat template/i,
    () => 'the chat template was refused',
  ],
  [/failed to load model|error loading model/i, () => 'the model could not be loaded'],
]

function missingLibrary(name: string): string {
  const packages: Readonly<Record<string, string>> = {
    gomp: 'libgomp1',
    stdc: 'libstdc++6',
    vulkan: 'libvulkan1',
  }
  const known = Object.entries(packages).find(([start]) => name.startsWith(start))?.[1]
  if (known !== undefined) return `the system library lib${name} is missing (Debian: apt install ${known})`
  if (/^cu|^nv/.test(name))
    return `the NVIDIA library lib${name} is missing; install the driver and CUDA runtime`
  return `the system library lib${name} is missing`
}
