import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

let directory: string
const children: ChildProcess[] = []
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pseudonyms-command-'))
  await writeFile(join(directory, 'passphrase'), 'correct horse battery staple\n', { mode: 0o600 })
})
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL')
  await rm(directory, { recursive: true, force: true })
})

function run(args: string[], env: Record<string, string> = settings()) {
  const main = new URL('./main.ts', import.meta.url).pathname
  const child = spawn(process.execPath, ['--conditions=littlebox:source', main, ...args], {
    env: { PATH: process.env.PATH, ...env },
  })
  children.push(child)
  const said = { out: '', err: '' }
  child.stdout.on('data', chunk => (said.out += chunk))
  child.stderr.on('data', chunk => (said.err += chunk))
  return { child, said, ended: once(child, 'close').then(([code]) => code as number) }
}

const settings = () => ({
  LITTLEBOX_PUBLIC_URL: 'https://pseudonyms.test',
  LITTLEBOX_ISSUER: 'https://issuer.test',
  LITTLEBOX_AUDIENCE: 'https://pseudonyms.test',
  LITTLEBOX_DATA: join(directory, 'data'),
  LITTLEBOX_BOX: 'file-evaluation-only',
  LITTLEBOX_BOX_FILE: join(directory, 'box'),
  LITTLEBOX_BOX_PASSPHRASE_FILE: join(directory, 'passphrase'),
  PORT: '0',
})

describe('the commands', () => {
  it('--help shows how to call it and every setting', async () => {
    const { ended, said } = run(['--help'])
    expect(await ended).toBe(0)
    expect(said.out).toContain('main.ts serve')
    expect(said.out).toContain('`LITTLEBOX_CALLER_PER_DAY`')
  })

  it('anything else is refused with 2, wrong settings with 1 naming them all', async () => {
    expect(await run(['start']).ended).toBe(2)
    const wrong = run(['serve'], { LITTLEBOX_BOX: 'file', PORT: '99999' })
    expect(await wrong.ended).toBe(1)
    for (const name of ['LITTLEBOX_ISSUER', 'LITTLEBOX_AUDIENCE', 'LITTLEBOX_BOX:', 'PORT'])
      expect(wrong.said.err).toContain(name)
  })

  it('serve makes nothing that is missing; init does, and again changes nothing', async () => {
    const missing = run(['serve'])
    expect(await missing.ended).toBe(1)
    expect(missing.said.err).toMatch(/^pseudonyms: /)
    expect(await run(['init']).ended).toBe(0)
    expect(await run(['init']).ended).toBe(0)
    const { child, said, ended } = run(['serve'])
    await expect.poll(() => said.out, { timeout: 20_000 }).toContain('\n')
    const { event, url } = JSON.parse(said.out.split('\n')[0]!)
    expect(event).toBe('listening')
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
  })
})
