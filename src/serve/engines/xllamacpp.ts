import type { Accelerator } from './engine.ts'

/**
 * The pinned engine package: llama.cpp's own server inside a Python extension (MIT). Digests are those that the
 * package index publishes; read with `pip install --dry-run --report` for each platform on 2026-11-21.
 */
export const xllamacpp = {
  name: 'xllamacpp',
  version: '2026.10.11549',
  /** `platform-arch` → its wheel (stable ABI, Python ≥ 3.10). Linux needs glibc ≥ 2.17, macOS ≥ 13. */
  wheels: {
    'linux-x64': 'c54e7d13520ecc989c63dc99d55de3065e2f343a91f43f053d16b5e62077c261',
    'linux-arm64': 'e2a3e79e775515de4ad197e667f874070446ef9ac9cf2044bc9866bc4c72289e',
    'darwin-arm64': '4ecda27a308b2403aa13c9d04b270befab95edc556c24ed00b2f8a98bd7f6781',
    'darwin-x64': '1f2a08052bb653659bcf1bedbbaf86b97f41dd46aa2763d596d7f27c5d89a689',
    'win32-x64': '1b76730ab9af47ec8d05a3d55154305fa92642f694dd9ad87d9e5a5e9956a59d',
  } as Readonly<Record<string, string>>,
  /** For the progress bar. */
  wheelBytes: 34_000_000,
  /**
   * The project's own indexes (its README, "Installation"). They publish no digests: give one in the config, or the
   * one found is recorded and shown. CUDA 12.8 runs on every driver since R570, ROCm 7.2 on every 7.x.
   */
  indexes: {
    cuda: 'https://xorbitsai.github.io/xllamacpp/whl/cu128',
    rocm: 'https://xorbitsai.github.io/xllamacpp/whl/rocm-7.2.4',
    vulkan: 'https://xorbitsai.github.io/xllamacpp/whl/vulkan',
  } as Readonly<Partial<Record<Accelerator, string>>>,
} as const
