import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { lockOutput } from './output-lock.ts'

let directory: string
let output: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'output-lock-'))
  output = join(directory, 'out.csv')
})
afterEach(() => rm(directory, { recursive: true }))

const held = (text: string) => writeFile(`${output}.lock`, text)

/** The number of a process that has ended. */
async function deadProcess(): Promise<number> {
  const child = spawn(process.execPath, ['-e', ''])
  await once(child, 'exit')
  return child.pid!
}

it('is held once, by a name that only its user can read, and leaves nothing', async () => {
  const lock = await lockOutput(output)
  expect((await stat(`${output}.lock`)).mode & 0o777).toBe(0o600)
  await expect(lockOutput(output)).rejects.toMatchObject({
    code: 'output-in-use',
    message: expect.stringContaining(`process ${process.pid}`),
    advice: expect.stringContaining(`${output}.lock`),
  })
  await lock.release()
  expect(await readdir(directory)).toEqual([])
  await (await lockOutput(output)).release()
})

it('of a dead process is taken over, also when its number is in use again', async () => {
  for (const pid of [await deadProcess(), process.pid]) {
    await held(`${hostname()} ${pid} 1`)
    await (await lockOutput(output)).release()
    expect(await readdir(directory)).toEqual([])
  }
})

it('of a dead process is taken over by one of many', async () => {
  await held(`${hostname()} ${await deadProcess()} 1`)
  const tried = await Promise.allSettled(Array.from({ length: 20 }, () => lockOutput(output)))
  expect(tried.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  for (const one of tried) if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'output-in-use' })
  expect(await readdir(directory)).toEqual(['out.csv.lock'])
})

it.each([
  ['of another machine', 'elsewhere 1 1'],
  ['that is not written yet', ''],
])('%s is left alone', async (_, text) => {
  await held(text)
  await expect(lockOutput(output)).rejects.toMatchObject({ code: 'output-in-use' })
  expect(await readFile(`${output}.lock`, 'utf8')).toBe(text)
})

it('can not be where there is no folder: output-unwritable', async () => {
  await expect(lockOutput(join(directory, 'none', 'out.csv'))).rejects.toMatchObject({ code: 'output-unwritable' })
})
