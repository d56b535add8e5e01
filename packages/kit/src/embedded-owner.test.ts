import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readlink, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'
import { own } from './embedded-owner.ts'

const cleanUp: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleanUp.splice(0).reverse()) await clean()
})

async function folders(count: number): Promise<string[]> {
  const parent = await mkdtemp(join(tmpdir(), 'kit-owner-'))
  cleanUp.push(() => rm(parent, { recursive: true, force: true }))
  const made = Array.from({ length: count }, (_, index) => join(parent, String(index)))
  for (const directory of made) await mkdir(directory)
  return made
}

/** A process that tries to own all directories that it is sent, at once, and says what came of each. */
function contender(): ChildProcess {
  const code = `
    const { own } = await import('${new URL('./embedded-owner.ts', import.meta.url).href}')
    const outcome = directory => own(directory).then(() => 'owner', error => error.code)
    process.on('message', async directories => process.send(await Promise.all(directories.map(outcome))))
    process.send('ready')`
  const child = spawn(process.execPath, ['--conditions=littlebox:source', '--input-type=module', '-e', code], {
    cwd: dirname(fileURLToPath(import.meta.url)),
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  cleanUp.push(() => child.kill('SIGKILL'))
  return child
}

async function outcomes(child: ChildProcess, directories: readonly string[]): Promise<readonly string[]> {
  const answer = once(child, 'message')
  child.send(directories)
  return (await answer)[0]
}

/** Leaves the directories to be owned by a process that was killed. */
async function leaveDead(directories: readonly string[]): Promise<void> {
  const child = contender()
  await once(child, 'message')
  expect(new Set(await outcomes(child, directories))).toEqual(new Set(['owner']))
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}

describe('own', () => {
  test('of several processes that find a dead owner, exactly one is the next', async () => {
    const directories = await folders(200)
    await leaveDead(directories)
    const contenders = [contender(), contender(), contender(), contender()]
    await Promise.all(contenders.map(child => once(child, 'message')))
    const answers = await Promise.all(contenders.map(child => outcomes(child, directories)))
    for (const [index, directory] of directories.entries()) {
      const here = answers.map(answer => answer[index]).sort()
      expect(here).toEqual(['database-in-use', 'database-in-use', 'database-in-use', 'owner'])
      expect(await readdir(directory)).toEqual(['owner'])
    }
  })

  test('a process that was killed while it buried a dead owner keeps nobody out', async () => {
    const [directory = '', other = ''] = await folders(2)
    await leaveDead([directory])
    await leaveDead([other])
    const nonce = (await readlink(join(directory, 'owner'))).split(' ')[2]
    await symlink(await readlink(join(other, 'owner')), join(directory, `owner.${nonce}`))
    const { release } = await own(directory)
    expect(await readdir(directory)).toEqual(['owner'])
    await release()
    expect(await readdir(directory)).toEqual([])
  })

  test('a directory that can not be written to: no-place', async () => {
    const [directory = ''] = await folders(1)
    await expect(own(join(directory, 'missing'))).rejects.toMatchObject({ code: 'no-place' })
  })
})
