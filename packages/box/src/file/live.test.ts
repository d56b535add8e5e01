import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, lstat, readFile, rename, symlink, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { generator } from '@littlebox/curve'
import { describe, expect, it } from 'vitest'
import type { KeyRef } from '../box.ts'
import { filled, grant, newPath, passphrase, reopen } from './box.fixture.ts'
import { parse, unlock } from './format.ts'

describe('a file that changes under a running process', () => {
  it('gone: use stops with box-away within 250 ms, health says so, and it works again when the file is back', async () => {
    const { at, box, forward } = await filled()
    const points = [generator('P-256')]
    await rename(at.path, `${at.path}.away`)
    await delay(260)
    await expect(box.multiply([forward], points)).rejects.toMatchObject({ code: 'box-away' })
    await expect(box.describe(forward)).rejects.toMatchObject({ code: 'box-away' })
    expect((await box.health()).status).toBe('box-away')
    await rename(`${at.path}.away`, at.path)
    await delay(260)
    expect((await box.health()).status).toBe('ready')
    expect(await box.multiply([forward], points)).toHaveLength(1)
  })

  it.each(['overwritten', 'opened to others', 'replaced by an older copy'])(
    '%s: box-away until it is right',
    async what => {
      const { at, box, forward } = await filled()
      const older = await readFile(at.path)
      await box.create({ name: 'later', version: 1, purpose: 'derive', algorithm: 'HMAC-SHA-256' }, grant)
      const newer = await readFile(at.path)
      if (what === 'overwritten') await writeFile(at.path, 'something else')
      if (what === 'opened to others') await chmod(at.path, 0o644)
      if (what === 'replaced by an older copy') await writeFile(at.path, older)
      await delay(260)
      await expect(box.describe(forward)).rejects.toMatchObject({ code: 'box-away' })
      expect((await box.health()).status).toBe('box-away')
      await expect(box.change(forward, { to: 'suspended' }, grant)).rejects.toThrow()
      await chmod(at.path, 0o600)
      await writeFile(at.path, newer)
      await delay(260)
      expect((await box.describe(forward)).state).toBe('active')
    },
  )

  it('two open it: each sees the keys and states of the other, none is lost', async () => {
    const { at, box: one, forward } = await filled()
    const two = await reopen(at)
    const made = await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        (i % 2 ? one : two).create({ name: `k${i}`, version: 1, purpose: 'multiply', algorithm: 'P-256' }, grant),
      ),
    )
    await delay(260)
    for (const box of [one, two, await reopen(at)])
      for (const { key, id } of made) expect((await box.describe(key)).id).toBe(id)

    await one.change(forward, { to: 'suspended' }, grant)
    await expect(two.multiply([forward], [generator('P-256')])).rejects.toMatchObject({ code: 'wrong-state' })
  })

  it('two make the same version at once: one does, the other gets bad-input', async () => {
    const { at, box: one } = await filled()
    const two = await reopen(at)
    const spec = { name: 'same', version: 1, purpose: 'derive', algorithm: 'HMAC-SHA-256' } as const
    const outcomes = await Promise.allSettled([one.create(spec, grant), two.create(spec, grant)])
    expect(outcomes.map(outcome => outcome.status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(outcomes.find(outcome => outcome.status === 'rejected')?.reason).toMatchObject({ code: 'bad-input' })
  })

  it('a writer that was killed, at any moment: the box opens, holds every acknowledged key, and can be written', async () => {
    const { at } = await filled()
    const passphrasePath = newPath()
    await writeFile(passphrasePath, passphrase, { mode: 0o600 })
    const writer = fileURLToPath(new URL('./writer.fixture.ts', import.meta.url))
    for (const round of [0, 1, 2]) {
      const args = ['--conditions=littlebox:source', writer, at.path, passphrasePath, `round${round}`]
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
      const acknowledged: KeyRef[] = []
      for await (const line of createInterface(child.stdout)) {
        acknowledged.push(line as KeyRef)
        if (acknowledged.length === 5) setTimeout(() => child.kill('SIGKILL'), Math.random() * 10)
      }
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
      expect(child.signalCode).toBe('SIGKILL')
      const box = await reopen(at)
      for (const key of acknowledged) expect((await box.describe(key)).key).toBe(key)
      await box.create({ name: `after${round}`, version: 1, purpose: 'derive', algorithm: 'HMAC-SHA-256' }, grant)
    }
  })

  it.each(['another number', 'our number'])(
    'a lock and a temporary file that a dead process of %s left are cleared away',
    async number => {
      const { at, box } = await filled()
      const child = spawn(process.execPath, ['-e', ''])
      await once(child, 'exit')
      const pid = number === 'our number' ? process.pid : child.pid
      await symlink(`${hostname()} ${pid} 1 00000000-0000-4000-8000-000000000000`, `${at.path}.lock`)
      await writeFile(`${at.path}.new`, 'half a b')
      await box.create({ name: 'k', version: 1, purpose: 'derive', algorithm: 'HMAC-SHA-256' }, grant)
      await expect(lstat(`${at.path}.lock`)).rejects.toMatchObject({ code: 'ENOENT' })
      expect((await (await reopen(at)).describe('k@1')).key).toBe('k@1')
    },
  )

  it('a lock that a live process holds: busy after 5 s, naming it', async () => {
    const { at, box } = await filled()
    await symlink('elsewhere 1 1 00000000-0000-4000-8000-000000000000', `${at.path}.lock`)
    const spec = { name: 'k', version: 1, purpose: 'derive', algorithm: 'HMAC-SHA-256' } as const
    await expect(box.create(spec, grant)).rejects.toMatchObject({
      code: 'busy',
      message: expect.stringContaining('.lock'),
    })
  })

  it('destroyed: the secret is gone from the file', async () => {
    const { at, box } = await filled()
    const { key } = await box.create({ name: 'k', version: 1, purpose: 'multiply', algorithm: 'P-256' }, grant)
    await box.change(key, { to: 'destroyed' }, grant)
    const text = await readFile(at.path, 'utf8')
    const record = parse(await unlock(text, passphrase), text).keys.find(each => each.name === 'k')
    expect(record).toMatchObject({ state: 'destroyed', publicPart: expect.any(String) })
    expect(record).not.toHaveProperty('sealed')
  })
})
