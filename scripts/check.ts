// The whole check, in the order in which mistakes are cheapest to find. Ends with `N passed, N failed`.
import { join } from 'node:path'

const root = join(import.meta.dir, '..')
const bin = (name: string): string => join(root, 'node_modules', '.bin', name)
const heavy = process.argv.includes('--heavy')

const stages: readonly (readonly [name: string, ...command: string[]])[] = [
  ['format', bin('oxfmt'), '--check', '.'],
  ['lint', bin('oxlint'), '--type-aware', '--deny-warnings'],
  ['types', bin('tsc'), '--noEmit'],
  ['unused code', bin('knip')],
]

let running: Bun.Subprocess | undefined
/** What runs here ends with this process, and this process with the launcher, which holds the other end of a pipe. */
const stop = (): void => {
  running?.kill()
  process.exit(1)
}
process.on('SIGINT', stop).on('SIGTERM', stop).on('SIGHUP', stop)
const fd = Number(process.env['INHOUSE_PARENT_FD'] ?? '0')
delete process.env['INHOUSE_PARENT_FD']
if (fd > 2) void Bun.file(fd).stream().getReader().read().then(stop, stop)

let passed = 0
let failed = 0

for (const [name, ...command] of stages) {
  const started = performance.now()
  const run = Bun.spawn(command, { cwd: root, stdout: 'pipe', stderr: 'pipe' })
  running = run
  const output = await Promise.all([new Response(run.stdout).text(), new Response(run.stderr).text()])
  const good = (await run.exited) === 0
  if (good) passed++
  else failed++
  console.log(`${good ? 'ok  ' : 'FAIL'} ${name} (${((performance.now() - started) / 1000).toFixed(1)} s)`)
  if (!good) console.log(output.join('').trim())
}

const words = process.argv.slice(2).filter((word) => word !== '--heavy')
const tests = Bun.spawn([process.execPath, 'test', '--timeout', heavy ? '600000' : '60000', ...words], {
  cwd: root,
  stdout: 'inherit',
  stderr: 'pipe',
  env: { ...process.env, ...(heavy && { PROPERTY_RUNS: '100000', KILL_RUNS: '300', INHOUSE_HEAVY: '1' }) },
})
running = tests
const decoder = new TextDecoder()
let summary = ''
for await (const chunk of tests.stderr) {
  process.stderr.write(chunk)
  summary = (summary + decoder.decode(chunk, { stream: true })).slice(-4000)
}
const code = await tests.exited
const count = (word: string): number =>
  Number(new RegExp(`^\\s*(\\d+) ${word}$`, 'm').exec(Bun.stripANSI(summary))?.[1] ?? 0)
passed += count('pass')
failed += count('fail') + (code !== 0 && count('fail') === 0 ? 1 : 0)
const skipped = count('skip')
console.log(`${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`)
process.exit(failed === 0 ? 0 : 1)
