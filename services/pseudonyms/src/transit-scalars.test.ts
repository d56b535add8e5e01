import { curveNames, engine, generator } from '@littlebox/curve'
import { describe, expect, it } from 'vitest'
import { transitScalars } from './transit-scalars.ts'

describe('transit scalars (pseudonyms.md §3)', () => {
  it.each(curveNames)('%s: pairs of inverses, no scalar twice, however many are asked for at a time', async name => {
    const native = await engine()
    const next = transitScalars(native)
    const seen = new Set<string>()
    let asked = 0
    for (const count of [1, 1, 100, 3, 64, 61, 1]) {
      const { scalars, inverses } = next(name, count)
      expect([scalars.length, inverses.length]).toEqual([count, count])
      asked += count
      for (const scalar of scalars) seen.add(Buffer.from(scalar.bytes).toString('hex'))
      const points = await native.multiply(
        scalars.map(() => generator(name)),
        scalars.map((scalar, i) => [scalar, inverses[i]!]),
      )
      for (const point of points) expect(Buffer.from(point.bytes)).toEqual(Buffer.from(generator(name).bytes))
    }
    expect(seen.size).toBe(asked)
  })

  it('an engine that fails once leaves no scalar with another’s inverse', async () => {
    const native = await engine()
    let failing = true
    const next = transitScalars({
      ...native,
      invert(scalars) {
        if (failing) throw new Error('once')
        return native.invert(scalars)
      },
    })
    expect(() => next('P-256', 1)).toThrow('once')
    failing = false
    const { scalars, inverses } = next('P-256', 1)
    const [point] = await native.multiply([generator('P-256')], [[scalars[0]!, inverses[0]!]])
    expect(Buffer.from(point!.bytes)).toEqual(Buffer.from(generator('P-256').bytes))
  })
})
