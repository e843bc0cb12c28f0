// The whole check, in the order in which mistakes are cheapest to find. Ends with `N passed, N failed`.
const bin = (name: string): string => `${import.meta.dir}/../node_modules/.bin/${name}`
// Meant for the program that the launcher starts, not for programs that tests start.
delete process.env['INHOUSE_PARENT_FD']

const heavy = process.argv.includes('--heavy')

const stages: readonly (readonly [name: string, ...command: string[]])[] = [
  ['format', bin('oxfmt'), '--check', '.'],
  ['lint', bin('oxlint'), '--type-aware', '--deny-warnings'],
  ['types', bin('tsc'), '--noEmit'],
  ['unused code', bin('knip')],
]

let passed = 0
let failed = 0

for (const [name, ...command] of stages) {
  const started = performance.now()
  const run = Bun.spawn(command, { cwd: `${import.meta.dir}/..`, stdout: 'pipe', stderr: 'pipe' })
  const output = (await new Response(run.stdout).text()) + (await new Response(run.stderr).text())
  const good = (await run.exited) === 0
  if (good) passed++
  else failed++
  console.log(`${good ? 'ok  ' : 'FAIL'} ${name} (${((performance.now() - started) / 1000).toFixed(1)} s)`)
  if (!good) console.log(output.trim())
}

const tests = Bun.spawn(
  [
    process.execPath,
    'test',
    '--timeout',
    heavy ? '600000' : '60000',
    ...process.argv.slice(2).filter((word) => word !== '--heavy'),
  ],
  {
    cwd: `${import.meta.dir}/..`,
    stdout: 'inherit',
    stderr: 'pipe',
    env: {
      ...process.env,
      ...(heavy && { PROPERTY_RUNS: '100000', KILL_RUNS: '300', INHOUSE_HEAVY: '1' }),
    },
  },
)
let summary = ''
for await (const chunk of tests.stderr) {
  process.stderr.write(chunk)
  summary = (summary + new TextDecoder().decode(chunk)).slice(-4000)
}
const count = (word: string): number =>
  Number(new RegExp(`^\\s*(\\d+) ${word}$`, 'm').exec(summary)?.[1] ?? 0)
const code = await tests.exited
passed += count('pass')
failed += count('fail') + (code !== 0 && count('fail') === 0 ? 1 : 0)
const skipped = count('skip')
console.log(`${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`)
process.exit(failed === 0 ? 0 : 1)
