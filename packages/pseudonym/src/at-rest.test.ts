import { type CurveName, curveNames, generator, negate, randomScalar, xOf } from '@littlebox/curve'
import { nativeEngine } from '@littlebox/curve/native'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { atRestSealer, bareAtRest } from './at-rest.ts'

const engine = await nativeEngine()
const key = (id: string, byte: number) => ({ id, secret: new Uint8Array(64).fill(byte) })
const keys = { active: key('r2', 2), former: [key('r1', 1)] }
const invalid = expect.objectContaining({ code: 'invalid-at-rest' })
const point = async (name: CurveName) => (await engine.multiplyBase([randomScalar(name)]))[0]!

describe('a pseudonym at rest (§9)', () => {
  it('is AES-SIV of x, deterministic, with its key id, and opens again', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...curveNames), async name => {
        const sealer = atRestSealer('prescriptions_v1', name, keys)
        const p = await point(name)
        const column = sealer.seal(p)
        expect(column).toMatch(/^r2\.[\w-]+$/)
        expect(sealer.seal(p)).toBe(column)
        expect(sealer.seal(negate(p))).toBe(column)
        expect([...sealer.open(column)]).toEqual([...xOf(p)])
      }),
      { numRuns: 30 },
    )
  })

  it('has a fixed form: RFC 5297 with the components domain, key id', () => {
    // Computed with Python's cryptography 48.0.0: AESSIV, associated data the list of the two.
    const column = atRestSealer('prescriptions_v1', 'P-256', keys).seal(generator('P-256'))
    expect(column).toBe('r2.fcii_yfYRvV9wyAxEgqp5wJB6gdV7RzQbX_s00Q9QwaUe4tq7k898zdPyeJx3W4u')
  })

  it('opens under a former key, and is sealed under the active one', async () => {
    const p = await point('P-256')
    const old = atRestSealer('d', 'P-256', { active: keys.former[0]! }).seal(p)
    const sealer = atRestSealer('d', 'P-256', keys)
    expect([...sealer.open(old)]).toEqual([...xOf(p)])
    expect(sealer.seal(p)).not.toBe(old)
  })

  it('does not open in another domain, under another key or id, changed, or spelt otherwise', () => {
    const sealer = atRestSealer('d', 'P-256', keys)
    const column = sealer.seal(generator('P-256'))
    const payload = column.slice(3)
    const changed = `${payload[0] === 'A' ? 'B' : 'A'}${payload.slice(1)}`
    const elsewhere = atRestSealer('e', 'P-256', keys).seal(generator('P-256'))
    const bare = atRestSealer('d', 'P-256', bareAtRest).seal(generator('P-256'))
    for (const one of [
      elsewhere,
      `r1.${payload}`,
      `r3.${payload}`,
      `r2.${changed}`,
      `r2.${payload}=`,
      payload,
      '',
      bare,
    ])
      expect(() => sealer.open(one)).toThrow(invalid)
    expect(() => atRestSealer('d', 'P-256', { active: key('r2', 3) }).open(column)).toThrow(invalid)
    expect(() => atRestSealer('d', 'P-521', keys).open(column)).toThrow(invalid)
  })

  it('is bare only with the symbol', () => {
    const sealer = atRestSealer('d', 'P-256', bareAtRest)
    const column = sealer.seal(generator('P-256'))
    expect(column).toBe(`bare.${Buffer.from(xOf(generator('P-256'))).toString('base64url')}`)
    expect([...sealer.open(column)]).toEqual([...xOf(generator('P-256'))])
  })

  it('refuses two keys of one id', () => {
    for (const former of [[key('r2', 1)], [key('r1', 1), key('r1', 3)]])
      expect(() => atRestSealer('d', 'P-256', { ...keys, former })).toThrow(invalid)
  })

  it.each([
    { id: 'bare', secret: new Uint8Array(64) },
    { id: 'a.b', secret: new Uint8Array(64) },
    { id: '', secret: new Uint8Array(64) },
    { id: 'r', secret: new Uint8Array(32) },
  ])('refuses keys that do not fit: %#', active => {
    expect(() => atRestSealer('d', 'P-256', { active })).toThrow(invalid)
  })
})
