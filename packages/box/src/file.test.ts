import { chmod, readFile, stat, writeFile } from 'node:fs/promises'
import { curveNames, generator, randomScalar, samePoint } from '@littlebox/curve'
import { nativeEngine } from '@littlebox/curve/native'
import { portableEngine } from '@littlebox/curve/portable'
import { describe, expect, it } from 'vitest'
import type { KeyRef } from './box.ts'
import { boxConformance } from './conformance.ts'
import { filled, grant, passphrase, reopen, settings } from './file/box.fixture.ts'
import { type Contents, type FileKey, type KeyRecord, parse, serialize, unlock } from './file/format.ts'
import {
  createFileBox,
  evaluationGrant,
  evaluationOnly,
  type FileBox,
  type FileBoxSettings,
  openFileBox,
} from './file.ts'

const engine = await nativeEngine()

describe('conformance, native engine', () => {
  let box: Promise<FileBox> | undefined
  boxConformance(
    { describe, it },
    async () => {
      box ??= createFileBox(settings(), evaluationOnly)
      return { box: await box, grant }
    },
    { curves: curveNames, proves: true, inverts: true },
  )
})

describe('conformance, without libcrypto', () => {
  let box: Promise<FileBox> | undefined
  boxConformance(
    { describe, it },
    async () => {
      box ??= createFileBox({ ...settings(), engine: portableEngine }, evaluationOnly)
      return { box: await box, grant }
    },
    { curves: curveNames, proves: false, inverts: false },
  )

  it('says so, and makes no k⁻¹: unsupported', async () => {
    const slow = await box!
    expect((await slow.health()).engine).toBe('ecdh')
    const spec = { domain: 'd', version: 1, curve: 'P-256', back: true } as const
    await expect(slow.createDomainKey(spec, grant)).rejects.toMatchObject({ code: 'unsupported' })
  })

  it('multiplies as the native engine does, with the same keys', async () => {
    const at = settings()
    const native = await createFileBox(at, evaluationOnly)
    for (const algorithm of curveNames) {
      const { forward } = await native.createDomainKey(
        { domain: algorithm, version: 1, curve: algorithm, back: false },
        grant,
      )
      await native.change(forward.key, { to: 'active' }, grant)
    }
    const slow = await openFileBox({ ...at, engine: portableEngine }, evaluationOnly)
    for (const algorithm of curveNames) {
      const key: KeyRef = `domain/${algorithm}/forward@1`
      const points = await engine.multiplyBase(Array.from({ length: 20 }, () => randomScalar(algorithm)))
      const [ours, theirs] = await Promise.all([slow.multiply([key], points), native.multiply([key], points)])
      expect(ours.every((point, i) => samePoint(point, theirs[i]!))).toBe(true)
    }
  })
})

describe('opening', () => {
  it('works again with the same passphrase, and finds every key as it was left', async () => {
    const { at, box, forward } = await filled()
    await box.create({ name: 'signing', version: 1, purpose: 'sign', algorithm: 'ES512' }, grant)
    const again = await reopen(at)
    expect(await again.describe(forward)).toEqual(await box.describe(forward))
    expect(await again.describe('signing@1')).toEqual(await box.describe('signing@1'))
    const points = [generator('P-256')]
    expect(await again.multiply([forward], points)).toEqual(await box.multiply([forward], points))
  })

  it('needs the symbol: not-granted', async () => {
    const forged = Symbol('evaluationOnly') as never
    await expect(openFileBox(settings(), forged)).rejects.toMatchObject({ code: 'not-granted' })
    await expect(createFileBox(settings(), forged)).rejects.toMatchObject({ code: 'not-granted' })
    expect(() => evaluationGrant(forged)).toThrow(expect.objectContaining({ code: 'not-granted' }))
  })

  it('never makes a missing file: box-away', async () => {
    const at = settings()
    await expect(reopen(at)).rejects.toMatchObject({ code: 'box-away' })
    await expect(stat(at.path)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('refuses a wrong passphrase: pin-refused', async () => {
    const { at } = await filled()
    const wrong = { ...at, passphrase: Buffer.from('wrong') }
    await expect(reopen(wrong)).rejects.toMatchObject({ code: 'pin-refused' })
  })

  it.each(['640', '604', '660', '644'])('refuses mode %s: box-locked', async mode => {
    const { at } = await filled()
    await chmod(at.path, Number.parseInt(mode, 8))
    await expect(reopen(at)).rejects.toMatchObject({ code: 'box-locked' })
  })

  it('refuses a truncated file, wherever it was cut: state-unknown', async () => {
    const { at } = await filled()
    const text = await readFile(at.path, 'utf8')
    const header = text.indexOf('\n')
    const cuts = [
      0,
      1,
      header - 1,
      header,
      header + 1,
      header + 100,
      text.length - 46,
      text.length - 2,
      text.length - 1,
    ]
    for (const cut of cuts) {
      await writeFile(at.path, text.slice(0, cut))
      await expect(reopen(at), `cut at ${cut}`).rejects.toMatchObject({ code: 'state-unknown' })
    }
  })

  it('refuses a body that was changed from outside, such as a state: state-unknown', async () => {
    const { at, box, forward } = await filled()
    await box.change(forward, { to: 'suspended' }, grant)
    const text = await readFile(at.path, 'utf8')
    await writeFile(at.path, text.replace('"suspended"', '"active"'))
    await expect(reopen(at)).rejects.toMatchObject({ code: 'state-unknown' })
  })

  it('refuses a header that asks for another scrypt cost, before computing anything: state-unknown', async () => {
    const { at } = await filled()
    const text = await readFile(at.path, 'utf8')
    for (const cost of ['"N":1073741824', '"N":2']) {
      await writeFile(at.path, text.replace('"N":131072', cost))
      await expect(reopen(at)).rejects.toMatchObject({ code: 'state-unknown' })
    }
  })

  it('refuses the body of another box under the same passphrase: state-unknown', async () => {
    const [one, other] = [await filled(), await filled()]
    const [header] = (await readFile(one.at.path, 'utf8')).split('\n')
    const [, ...rest] = (await readFile(other.at.path, 'utf8')).split('\n')
    await writeFile(one.at.path, [header, ...rest].join('\n'))
    await expect(reopen(one.at)).rejects.toMatchObject({ code: 'state-unknown' })
  })

  const swaps: Record<string, (one: KeyRecord, other: KeyRecord) => KeyRecord> = {
    'sealed bytes': (one, other) => ({ ...one, sealed: other.sealed! }),
    id: (one, other) => ({ ...one, id: other.id }),
    name: (one, other) => ({ ...one, name: `${other.name}x` }),
    version: one => ({ ...one, version: 7 }),
    direction: (one, other) => ({ ...one, kind: other.kind }),
    'public part': (one, other) => ({ ...one, publicPart: other.publicPart! }),
  }
  it.each(Object.keys(swaps))(
    'refuses a key with the %s of another, even under a right MAC: state-unknown',
    async what => {
      const { at } = await filled()
      await rewrite(at, contents => {
        const [one, other] = contents.keys as [KeyRecord, KeyRecord]
        return { ...contents, keys: [swaps[what]!(one, other), other] }
      })
      const message = expect.stringContaining(what === 'public part' ? 'self-test' : 'attributes')
      await expect(reopen(at)).rejects.toMatchObject({ code: 'state-unknown', message })
    },
  )

  it('creates no box over a file: bad-input, and leaves the file', async () => {
    const { at } = await filled()
    const before = await readFile(at.path)
    await expect(createFileBox(at, evaluationOnly)).rejects.toMatchObject({ code: 'bad-input' })
    expect(await readFile(at.path)).toEqual(before)
  })

  it('writes mode 0600, whatever the umask', async () => {
    const before = process.umask(0)
    try {
      const { at } = await filled()
      expect((await stat(at.path)).mode & 0o777).toBe(0o600)
    } finally {
      process.umask(before)
    }
  })
})

/** Rewrites the file as somebody could who has its keys: to show that each seal stands by itself. */
async function rewrite({ path }: FileBoxSettings, edit: (contents: Contents, key: FileKey) => Contents): Promise<void> {
  const text = await readFile(path, 'utf8')
  const key = await unlock(text, passphrase)
  await writeFile(path, serialize(key, edit(parse(key, text), key)))
}
