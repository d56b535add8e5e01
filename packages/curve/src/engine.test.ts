import { existsSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import cookbook from '../vectors/cookbook.json' with { type: 'json' }
import wycheproof from '../vectors/wycheproof.json' with { type: 'json' }
import { type CurveName, curve, curveNames } from './curve.ts'
import { CurveError } from './curve-error.ts'
import type { Engine } from './engine.ts'
import { concatenate, toBytes, toInteger } from './integer.ts'
import { nativeEngine } from './native.ts'
import {
  compress,
  generator,
  negate,
  type Point,
  parsePoint,
  pointFromCoordinates,
  pointFromX,
  samePoint,
  xOf,
} from './point.ts'
import { portableEngine } from './portable.ts'
import { parseScalar, randomScalar, type Scalar } from './scalar.ts'
import { decodeValue, maxValueLength } from './value.ts'

const shared = new URL('../../../../shared/vectors/', import.meta.url)
const engines: Readonly<Record<Engine['name'], Engine>> = { native: await nativeEngine(), portable: portableEngine }

const hex = (digits: string, width: number) => Uint8Array.from(Buffer.from(digits.padStart(2 * width, '0'), 'hex'))
const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const one = <T>(list: readonly T[]): T => list[0]!
const multiply = async (engine: Engine, point: Point, ...factors: Scalar[]) =>
  one(await engine.multiply([point], [factors]))

describe.each(Object.values(engines))('$name engine', engine => {
  const runs = engine.name === 'native' ? 50 : 4

  describe('eHealth cookbook, P-521', () => {
    it.each(cookbook.encode as [string, number, string, string][])(
      'encode %s, buffer %i',
      async (value, buffer, x, y) => {
        const bytes = hex(value, value.length / 2)
        const point = one(await engine.encode('P-521', [bytes], buffer)) as Point
        expect(toHex(point.bytes)).toBe(`04${x.padStart(132, '0')}${y.padStart(132, '0')}`)
        expect(toHex(decodeValue(point, buffer))).toBe(value)
      },
    )

    it.each(cookbook.blind as [string, string, string, string, string][])(
      'blind and unblind %s',
      async (x, y, s, bx, by) => {
        const point = pointFromCoordinates('P-521', hex(x, 66), hex(y, 66))
        const scalar = parseScalar('P-521', hex(s, 66))
        const blinded = await multiply(engine, point, scalar)
        expect(toHex(blinded.bytes)).toBe(`04${bx.padStart(132, '0')}${by.padStart(132, '0')}`)
        expect(samePoint(await multiply(engine, blinded, ...engine.invert([scalar])), point)).toBe(true)
      },
    )

    it.each(cookbook.encode as [string, number, string, string][])('y of x for %s, up to its sign', (_, __, x, y) => {
      const point = pointFromX('P-521', hex(x, 66))
      expect([toHex(point.bytes), toHex(negate(point).bytes)]).toContain(
        `04${x.padStart(132, '0')}${y.padStart(132, '0')}`,
      )
    })
  })

  describe('Wycheproof ecdh_ecpoint', () => {
    for (const name of curveNames) {
      it(`${name}: our selection`, async () => {
        for (const [flag, result, point, scalar, x] of wycheproof.curves[name])
          await checkWycheproof(engine, name, {
            flag: flag!,
            result: result!,
            public: point!,
            private: scalar!,
            shared: x!,
          })
      })

      const file = new URL(`wycheproof/ecdh_secp${name.slice(2)}r1_ecpoint_test.json`, shared)
      const present = existsSync(file)
      it.runIf(present)(`${name}: the whole file (runs where ../shared is at hand)`, async () => {
        const groups: { tests: WycheproofTest[] }[] = JSON.parse(readFileSync(file, 'utf8')).testGroups
        const tests = groups.flatMap(group => group.tests)
        for (const test of tests) await checkWycheproof(engine, name, test)
        expect(tests.length).toBeGreaterThan(300)
      })
    }
  })

  describe.each(curveNames)('laws on %s', name => {
    const scalar = fc.uint8Array({ minLength: 80, maxLength: 80 }).map(seed => seededScalar(name, seed))
    const value = fc.uint8Array({ maxLength: maxValueLength(name, 8) })

    it('a(bP) = b(aP) = (ab)P', async () => {
      await fc.assert(
        fc.asyncProperty(scalar, scalar, async (a, b) => {
          const point = generator(name)
          const ab = await multiply(engine, await multiply(engine, point, b), a)
          expect(samePoint(ab, await multiply(engine, await multiply(engine, point, a), b))).toBe(true)
          expect(samePoint(ab, await multiply(engine, point, a, b))).toBe(true)
          expect(samePoint(ab, one(await engine.multiplyBase([engine.product(a, b)])))).toBe(true)
        }),
        { numRuns: runs },
      )
    })

    it('s⁻¹(sP) = P, and the inverse of a batch is the batch of inverses', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(scalar, { minLength: 1, maxLength: 5 }), async scalars => {
          const inverses = engine.invert(scalars)
          for (const [i, inverse] of inverses.entries())
            expect(toInteger(engine.product(inverse, scalars[i]!).bytes)).toBe(1n)
          const [point] = await engine.multiply([generator(name)], [[scalars[0]!, inverses[0]!]])
          expect(samePoint(point!, generator(name))).toBe(true)
        }),
        { numRuns: runs },
      )
    })

    it('decode(encode(value)) = value, and both engines encode alike', async () => {
      await fc.assert(
        fc.asyncProperty(value, async bytes => {
          const point = one(await engine.encode(name, [bytes], 8)) as Point
          expect(decodeValue(point, 8)).toEqual(bytes)
          expect(point).toEqual(one(await portableEngine.encode(name, [bytes], 8)))
        }),
        { numRuns: runs },
      )
    })

    it('aG + bG = (a + b)G, and P − P is refused as the identity', async () => {
      await fc.assert(
        fc.asyncProperty(scalar, scalar, async (a, b) => {
          const [aG, bG] = await engine.multiplyBase([a, b])
          const { n, width } = curve(name)
          const sum = (toInteger(a.bytes) + toInteger(b.bytes)) % n
          fc.pre(sum !== 0n)
          const expected = one(await engine.multiplyBase([parseScalar(name, toBytes(sum, width))]))
          expect(samePoint(engine.sum([aG!, bG!]), expected)).toBe(true)
          expect(() => engine.sum([aG!, negate(aG!)])).toThrow(expect.objectContaining({ code: 'identity' }))
        }),
        { numRuns: runs },
      )
    })

    it('parse takes what compress and the uncompressed form give, and nothing that parsePoint refuses', async () => {
      await fc.assert(
        fc.asyncProperty(scalar, fc.uint8Array({ maxLength: 140 }), async (s, rubbish) => {
          const point = one(await engine.multiplyBase([s]))
          const flipped = point.bytes.slice()
          flipped[flipped.length - 1]! ^= 1
          const parsed = await engine.parse(name, [
            point.bytes,
            compress(point),
            compress(negate(point)),
            flipped,
            rubbish,
          ])
          expect(parsed.slice(0, 3)).toEqual([point, point, negate(point)])
          expect(parsed[3]).toBeUndefined()
          expect(parsed[4]).toEqual(attemptParse(name, rubbish))
        }),
        { numRuns: runs },
      )
    })

    it('what was parsed does not change with the buffer it came from', async () => {
      const source = Buffer.from(generator(name).bytes)
      const scalarSource = Buffer.from(randomScalar(name).bytes)
      const [point] = await engine.parse(name, [source])
      const parsed = parseScalar(name, scalarSource)
      const before = toHex(parsed.bytes)
      source.fill(0)
      scalarSource.fill(0)
      expect(samePoint(point!, generator(name))).toBe(true)
      expect(toHex(parsed.bytes)).toBe(before)
    })

    it('keeps the order of a batch of 200 over all threads', async () => {
      const count = engine.name === 'native' ? 200 : 12
      const scalars = Array.from({ length: count }, () => randomScalar(name))
      const points = await engine.multiplyBase(scalars)
      const products = await engine.multiply(
        points,
        engine.invert(scalars).map(inverse => [inverse]),
      )
      expect(products.every(product => samePoint(product, generator(name)))).toBe(true)
    })

    it('refuses a batch of two curves, without factors, and takes an empty one', async () => {
      const other = name === 'P-256' ? 'P-384' : 'P-256'
      const s = randomScalar(name)
      const mismatch = expect.objectContaining({ code: 'curve-mismatch' })
      await expect(engine.multiply([generator(name), generator(other)], [[s], [s]])).rejects.toEqual(mismatch)
      await expect(engine.multiply([generator(other)], [[s]])).rejects.toEqual(mismatch)
      await expect(engine.multiply([generator(name)], [[]])).rejects.toEqual(mismatch)
      expect(await engine.multiply([], [])).toEqual([])
    })

    it('refuses a value that is too long by naming the limit, and costs the others nothing', async () => {
      const limit = maxValueLength(name, 8)
      const [fits, tooLong] = await engine.encode(name, [new Uint8Array(limit), new Uint8Array(limit + 1)], 8)
      expect(decodeValue(fits as Point, 8)).toEqual(new Uint8Array(limit))
      expect(tooLong).toBeInstanceOf(CurveError)
      expect(tooLong).toMatchObject({ code: 'value-too-long', message: expect.stringContaining(`${limit} bytes`) })
    })
  })

  it('RFC 9380 §J.1.1: P256_XMD:SHA-256_SSWU_RO_ of the empty message', async () => {
    const tag = new TextEncoder().encode('QUUX-V01-CS02-with-P256_XMD:SHA-256_SSWU_RO_')
    const point = one(await engine.hashToCurve('P-256', [new Uint8Array()], tag))
    expect(toHex(point.bytes)).toBe(
      '042c15230b26dbc6fc9a37051158c95b79656e17a1a920b11394ca91c44247d3e4' +
        '8a7a74985cc5c776cdfe4b1f19884970453912e9d31528c060be9ab5c43e8415',
    )
  })
})

describe('points and scalars from outside', () => {
  it.each(curveNames)('%s: refuses infinity, x ≥ p, wrong width, a wrong tag, and the twist', name => {
    const { p, width } = curve(name)
    const g = generator(name)
    const wrapped = toBytes(p, width)
    const off = g.bytes.slice()
    off[off.length - 1]! ^= 1
    const refused = [
      Uint8Array.of(0),
      new Uint8Array(),
      new Uint8Array(1 + 2 * width),
      g.bytes.subarray(0, -1),
      concatenate(g.bytes, Uint8Array.of(0)),
      concatenate(Uint8Array.of(6), g.bytes.subarray(1)),
      concatenate(Uint8Array.of(4), wrapped, wrapped),
      concatenate(Uint8Array.of(2), wrapped),
      off,
    ]
    for (const bytes of refused)
      expect(() => parsePoint(name, bytes)).toThrow(expect.objectContaining({ code: 'invalid-point' }))
  })

  it.each(curveNames)('%s: a scalar lies in [1, n−1]', name => {
    const { n, width } = curve(name)
    for (const bytes of [
      toBytes(0n, width),
      toBytes(n, width),
      new Uint8Array(width).fill(255),
      new Uint8Array(width - 1),
    ])
      expect(() => parseScalar(name, bytes)).toThrow(expect.objectContaining({ code: 'invalid-scalar' }))
    expect(toInteger(parseScalar(name, toBytes(n - 1n, width)).bytes)).toBe(n - 1n)
  })

  it('randomScalar draws again over 0, 1 and n', () => {
    const { n, width } = curve('P-256')
    const draws = [0n, 1n, n, n - 1n].map(integer => toBytes(integer, width))
    expect(toInteger(randomScalar('P-256', () => draws.shift()!).bytes)).toBe(n - 1n)
  })

  it('a random point decodes to no value', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 66, maxLength: 66 }), seed => {
        const x = concatenate(Uint8Array.of(0, 1), seed.subarray(2))
        const point = attemptX('P-521', x)
        fc.pre(point !== undefined)
        expect(() => decodeValue(point!, 8)).toThrow(expect.objectContaining({ code: 'not-a-value' }))
      }),
    )
  })
})

interface WycheproofTest {
  readonly flag?: string
  readonly result: string
  readonly public: string
  readonly private: string
  readonly shared: string
}

async function checkWycheproof(engine: Engine, name: CurveName, test: WycheproofTest): Promise<void> {
  const { width } = curve(name)
  const [point] = await engine.parse(name, [Uint8Array.from(Buffer.from(test.public, 'hex'))])
  if (test.result === 'invalid') return expect(point).toBeUndefined()
  const scalar = parseScalar(name, toBytes(BigInt(`0x${test.private}`), width))
  expect(toHex(xOf(await multiply(engine, point!, scalar)))).toBe(test.shared)
}

function seededScalar(name: CurveName, seed: Uint8Array): Scalar {
  const { n, width } = curve(name)
  return parseScalar(name, toBytes((toInteger(seed) % (n - 1n)) + 1n, width))
}

function attemptParse(name: CurveName, bytes: Uint8Array): Point | undefined {
  try {
    return parsePoint(name, bytes)
  } catch {
    return undefined
  }
}

function attemptX(name: CurveName, x: Uint8Array): Point | undefined {
  try {
    return pointFromX(name, x)
  } catch {
    return undefined
  }
}
