import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ClientProfile } from './enrolment.ts'
import { pseudonyms, requestToken, temporaryDirectory } from './fixture.ts'

let parent: string
let directory: string

beforeAll(async () => {
  parent = await temporaryDirectory()
  directory = join(parent, 'identity')
})

afterAll(() => rm(parent, { recursive: true }))

const main = join(import.meta.dirname, 'main.ts')

function run(...args: string[]): ChildProcess {
  return spawn(process.execPath, ['--conditions=littlebox:source', main, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

async function result(child: ChildProcess): Promise<{ code: number; out: string; err: string }> {
  const [out, err, [code]] = await Promise.all([text(child.stdout!), text(child.stderr!), once(child, 'close')])
  return { code, out, err }
}

test('init, serve, add-client, a token, SIGTERM', async () => {
  const refused = await result(run('serve', '--directory', directory))
  expect(refused).toMatchObject({ code: 1, out: '' })
  expect(refused.err).toContain(`main.ts init ${directory}`)

  expect(await result(run('init', directory))).toMatchObject({ code: 0 })
  expect((await stat(directory)).mode & 0o777).toBe(0o700)

  const server = run('serve', '--directory', directory, '--port', '0')
  const errors = text(server.stderr!)
  const [line] = await once(createInterface(server.stdout!), 'line')
  const { url, issuer, standIn } = JSON.parse(line)
  expect(standIn).toBe(true)

  const path = join(parent, 'profile.json')
  const client = ['--issuer', issuer, '--client-id', 'gp-1', '--organisation', 'practice-1', '--resource', pseudonyms]
  const added = await result(run('add-client', '--directory', directory, '--profile', path, ...client))
  expect(added).toMatchObject({ code: 0, err: '' })
  expect((await stat(path)).mode & 0o777).toBe(0o600)

  const profile: ClientProfile = JSON.parse(await readFile(path, 'utf8'))
  expect(added.out).not.toContain(profile.privateJwk.d)
  expect((await requestToken(profile)).status).toBe(200)

  const second = join(parent, 'second.json')
  const again = await result(run('add-client', '--directory', directory, '--profile', second, ...client))
  expect(again).toMatchObject({ code: 1, err: expect.stringContaining('has a client gp-1 already') })
  await expect(stat(second)).rejects.toMatchObject({ code: 'ENOENT' })

  expect((await fetch(`${url}/livez`)).status).toBe(200)
  server.kill('SIGTERM')
  expect(await once(server, 'close')).toEqual([0, null])
  expect(await errors).toContain('STAND-IN')
})

test('a wrong call answers 2 and how to call it', async () => {
  for (const args of [[], ['nonsense'], ['init'], ['serve'], ['serve', '--directory', directory, '--port', 'x']]) {
    expect(await result(run(...args)), args.join(' ')).toMatchObject({ code: 2, err: expect.stringContaining('usage') })
  }
  expect(await result(run('serve', '--unknown'))).toMatchObject({ code: 2, err: expect.stringContaining('--unknown') })
})
