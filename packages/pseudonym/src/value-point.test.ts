import { existsSync, readFileSync } from 'node:fs'
import { curveNames, type Engine, generator, maxValueLength } from '@littlebox/curve'
import { nativeEngine } from '@littlebox/curve/native'
import { portableEngine } from '@littlebox/curve/portable'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { blind, unblind } from './blind.ts'
import { parseNationalNumber } from './national-number.ts'
import { type ValueFormat, valueFromBytes, valueToBytes } from './value-format.ts'
import { pointValue, type ValueScheme, valuePoints } from './value-point.ts'

const native = await nativeEngine()
const invalid = expect.objectContaining({ code: 'invalid-value' })
const scheme = (valueFormat: ValueFormat, more: Partial<ValueScheme> = {}): ValueScheme => ({
  curve: 'P-256',
  encoding: 'reversible',
  bufferSize: 8,
  valueFormat,
  ...more,
})

/** All points of a batch of which none may fail. */
async function pointsOf(engine: Engine, of: ValueScheme, values: readonly (string | Uint8Array)[]) {
  const points = await valuePoints(engine, of, values)
  return points.map(point => {
    if (point instanceof Error) throw point
    return point
  })
}

describe('value formats (§2)', () => {
  it('be-nrn: two spellings of one number are one value', () => {
    for (const spelling of ['85.07.30-033.28', '85073003328', '850730-033-28', '850730 033 28', ' 85073003328\n'])
      expect(parseNationalNumber(spelling)).toBe('85073003328')
  })

  it('be-nrn: check digits of both centuries, and no others', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 999_999_999 }), fc.boolean(), (body, isAfter2000) => {
        const check = 97 - (((isAfter2000 ? 2_000_000_000 : 0) + body) % 97)
        const number = body.toString().padStart(9, '0')
        const digits = number + check.toString().padStart(2, '0')
        expect(parseNationalNumber(digits)).toBe(digits)
        const accepted = Array.from({ length: 100 }, (_, i) => number + i.toString().padStart(2, '0')).filter(
          one => parseNationalNumber(one) !== undefined,
        )
        expect(accepted).toHaveLength(2)
      }),
    )
  })

  it.each([
    '',
    '8507300332',
    '850730033280',
    '85073003329',
    '85-07-30-033-28',
    '85073003328x',
    '８５０７３００３３２８',
  ])('be-nrn: %j is refused, without being repeated', async text => {
    const [result] = await valuePoints(native, scheme('be-nrn'), [text])
    expect(result).toEqual(invalid)
    if (text !== '') expect((result as Error).message).not.toContain(text)
  })

  it('text: one value in NFC, whatever the composition; lone surrogates are refused', async () => {
    const [composed, decomposed, lone] = await valuePoints(native, scheme('text'), ['Zo\u00eb', 'Zoe\u0308', '\ud800'])
    expect(composed).toEqual(decomposed)
    expect(lone).toEqual(invalid)
  })

  it('the wrong type is refused', async () => {
    expect(await valuePoints(native, scheme('bytes'), ['text'])).toEqual([invalid])
    expect(await valuePoints(native, scheme('text'), [new Uint8Array(3)])).toEqual([invalid])
  })

  it('bytes that no value of the format gives are no value', () => {
    const text = (value: string) => new TextEncoder().encode(value)
    const notAValue = expect.objectContaining({ code: 'not-a-value' })
    for (const [format, octets] of [
      ['be-nrn', text('85.07.30-033.28')],
      ['be-nrn', text('85073003329')],
      ['text', text('Zoe\u0308')],
      ['text', Uint8Array.of(0xff)],
    ] as const)
      expect(() => valueFromBytes(format, octets)).toThrow(notAValue)
  })

  const file = new URL('../../../../shared/vectors/patients/patients.csv', import.meta.url)
  it.runIf(existsSync(file))('every number of the 10,000 patients is accepted (from ../shared)', () => {
    const [header, ...lines] = readFileSync(file, 'utf8').trim().split('\n')
    const column = header!.split(',').indexOf('ssn')
    const refused = lines.filter(line => parseNationalNumber(line.split(',')[column]!) === undefined)
    expect({ lines: lines.length > 9_000, refused: refused.length }).toEqual({ lines: true, refused: 0 })
  })
})

describe.each([native, portableEngine])('values as points on the $name engine', engine => {
  const runs = { numRuns: engine === native ? 50 : 5 }

  it('decode ∘ encode is the identity up to the longest value, the empty one included', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...curveNames), fc.integer({ min: 1, max: 12 }), async (name, bufferSize) => {
        const of = scheme('bytes', { curve: name, bufferSize })
        const longest = maxValueLength(name, bufferSize)
        const values = [0, 1, longest - 1, longest].map(length => crypto.getRandomValues(new Uint8Array(length)))
        const points = await valuePoints(engine, of, values)
        // A buffer of one byte has no room for a longer counter: one value in 2^250 would fail, here or anywhere.
        for (const [i, point] of points.entries()) expect(pointValue(of, point as never)).toEqual(values[i])
        const [tooLong] = await valuePoints(engine, of, [new Uint8Array(longest + 1)])
        expect(tooLong).toMatchObject({ code: 'value-too-long', message: expect.stringContaining(String(longest)) })
      }),
      runs,
    )
  })

  it('unblind ∘ blind is the identity, and two blindings of one value never look alike', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...curveNames), fc.string({ maxLength: 5 }), async (name, value) => {
        const points = await pointsOf(engine, scheme('text', { curve: name }), [value, value, `${value}x`])
        const { points: blinded, blinds } = await blind(engine, points)
        expect(blinded[0]).not.toEqual(blinded[1])
        expect(await unblind(engine, blinded, blinds)).toEqual(points)
      }),
      runs,
    )
  })

  it('hashed: of any length, the same on each call, apart for different values', async () => {
    const of = scheme('text', { encoding: 'hashed' })
    const [one, again, other] = await pointsOf(engine, of, ['x'.repeat(500), 'x'.repeat(500), 'y'])
    expect(one).toEqual(again)
    expect(one).not.toEqual(other)
  })

  it('a failed value costs the others nothing', async () => {
    const values = ['85073003328', 'nonsense', '85.07.30-033.28']
    const [first, second, third] = await valuePoints(engine, scheme('be-nrn'), values)
    expect(second).toEqual(invalid)
    expect(first).toEqual(third)
    expect(pointValue(scheme('be-nrn'), first as never)).toBe('85073003328')
  })
})

it('a point that encodes nothing is no value', () => {
  expect(pointValue(scheme('bytes'), generator('P-256'))).toMatchObject({ code: 'not-a-value' })
})

it('both engines give a value the same point', async () => {
  for (const encoding of ['reversible', 'hashed'] as const) {
    const of = scheme('text', { encoding })
    expect(await valuePoints(native, of, ['a', 'b'])).toEqual(await valuePoints(portableEngine, of, ['a', 'b']))
  }
})

it('bytes pass as they are', () => {
  const octets = Uint8Array.of(1, 2)
  expect(valueFromBytes('bytes', valueToBytes('bytes', octets))).toEqual(octets)
})
