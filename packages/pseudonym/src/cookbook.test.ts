import { existsSync, readFileSync } from 'node:fs'
import {
  type Engine,
  parsePoint,
  parseScalar,
  pointFromCoordinates,
  pointFromX,
  samePoint,
  xOf,
  yOf,
} from '@littlebox/curve'
import { nativeEngine } from '@littlebox/curve/native'
import { portableEngine } from '@littlebox/curve/portable'
import { describe, expect, it } from 'vitest'
import { blind, unblind } from './blind.ts'
import { cookbook, cookbookScalar, cookbookX } from './cookbook.vectors.ts'
import { pointValue, valuePoints } from './value-point.ts'

const engines: readonly Engine[] = [await nativeEngine(), portableEngine]
const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'))
const hex = (octets: Uint8Array) => Buffer.from(octets).toString('hex')
const pointOf = (coordinates: string) => parsePoint('P-521', bytes(`04${coordinates}`))
const scheme = (bufferSize: number) =>
  ({ curve: 'P-521', encoding: 'reversible', valueFormat: 'bytes', bufferSize }) as const

describe.each(engines)("eHealth's cookbook on the $name engine", engine => {
  it.each(cookbook)('encodes $value with a buffer of $bufferSize, and decodes it', async vector => {
    const [point] = await valuePoints(engine, scheme(vector.bufferSize), [bytes(vector.value)])
    if (!point || point instanceof Error) throw new Error('not encoded')
    expect(hex(xOf(point))).toBe(cookbookX(vector))
    expect(hex(yOf(point))).toBe(vector.y)
    expect(pointValue(scheme(vector.bufferSize), point)).toEqual(bytes(vector.value))
  })

  it('blinds and unblinds all rows in one batch', async () => {
    const values = cookbook.map(vector => pointOf(cookbookX(vector) + vector.y))
    const scalar = bytes(cookbookScalar)
    const { points, blinds } = await blind(engine, values, () => scalar.slice())
    expect(points.map(point => hex(point.bytes.subarray(1)))).toEqual(cookbook.map(({ blinded }) => blinded))
    expect(blinds.every(one => hex(one.bytes) === cookbookScalar)).toBe(true)
    const unblinded = await unblind(
      engine,
      points,
      cookbook.map(() => parseScalar('P-521', scalar)),
    )
    expect(unblinded.map(point => hex(point.bytes))).toEqual(values.map(point => hex(point.bytes)))
  })
})

describe("eHealth's cookbook, y from x", () => {
  it.each(cookbook)('$value: either sign', vector => {
    const y = hex(yOf(pointFromX('P-521', bytes(cookbookX(vector)))))
    const p = 2n ** 521n - 1n
    expect([BigInt(`0x${vector.y}`), p - BigInt(`0x${vector.y}`)]).toContain(BigInt(`0x${y}`))
  })
})

const file = new URL('../../../../shared/vectors/ehealth/cookbook.json', import.meta.url)

describe.runIf(existsSync(file))("eHealth's cookbook, the full file", () => {
  it('holds the rows transcribed here', () => {
    type Row = Record<'x' | 'y' | 'value' | 'blindedX' | 'blindedY' | 'scalar', string>
    const full = JSON.parse(readFileSync(file, 'utf8')) as Record<'encode' | 'blind' | 'unblind' | 'computeY', Row[]>
    expect(full.encode.map(({ value, x, y }) => [value, x, y])).toEqual(
      cookbook.map(vector => [vector.value, cookbookX(vector), vector.y]),
    )
    for (const list of [full.blind, full.unblind])
      for (const row of list) {
        expect(row.scalar).toBe(cookbookScalar)
        const vector = cookbook.find(({ blinded }) => blinded === row.blindedX + row.blindedY)!
        const known = pointOf(cookbookX(vector) + vector.y)
        expect(samePoint(pointFromCoordinates('P-521', bytes(row.x), bytes(row.y)), known)).toBe(true)
      }
  })
})
