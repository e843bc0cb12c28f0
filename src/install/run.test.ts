import { expect, test } from 'bun:test'

import { run } from './run.ts'

test('what a program leaves running does not keep its caller waiting', async () => {
  // The test's own time is up long before the one that is left behind ends.
  const ran = await run(['sh', '-c', 'sleep 60 & echo $!; echo no >&2; exit 3'])
  process.kill(Number(ran.stdout), 'SIGKILL')
  expect(ran).toEqual({ status: 3, stdout: ran.stdout, stderr: 'no\n' })
}, 20_000)

test('a program that takes too long is ended, also where it does its work through another', async () => {
  const ran = await run(['sh', '-c', 'sleep 60 & echo $!; wait'], { timeoutMs: 500 })
  process.kill(Number(ran.stdout), 'SIGKILL')
  expect(ran.status).not.toBe(0)
}, 20_000)

test('what a program said is there to the last byte when it has ended', async () => {
  const ran = await run(['sh', '-c', 'head -c 3000000 /dev/zero | tr "\\0" x; printf end'])
  expect(ran.stdout.length).toBe(3_000_003)
  expect(ran.stdout.endsWith('end')).toBe(true)
})
