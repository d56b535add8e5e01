import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type CurveName, curve, curveNames } from './curve.ts'
import {
  computeComposites,
  contextString,
  type Proof,
  parseProof,
  proofChallenge,
  serializeProof,
  verifyProof,
} from './dleq.ts'
import type { Engine } from './engine.ts'
import { modulo, toBytes, toInteger } from './integer.ts'
import { nativeEngine } from './native.ts'
import { generator, negate, type Point } from './point.ts'
import { portableEngine } from './portable.ts'
import { difference, parseScalar, randomScalar, type Scalar } from './scalar.ts'

const native = await nativeEngine()
const engines: readonly Engine[] = [native, portableEngine]

const scalarOf = (name: CurveName) =>
  fc.bigInt({ min: 1n, max: curve(name).n - 1n }).map(integer => parseScalar(name, toBytes(integer, curve(name).width)))

/** The statement "evaluated = k·blinded" and its proof, made here the way RFC 9497 §2.2.1 says. */
async function proved(name: CurveName, count: number, k: Scalar = randomScalar(name)) {
  const blinded = await native.multiplyBase(Array.from({ length: count }, () => randomScalar(name)))
  const evaluated = await native.multiply(
    blinded,
    blinded.map(() => [k]),
  )
  const [publicKey] = await native.multiplyBase([k])
  const composites = await computeComposites(native, publicKey!, blinded, evaluated)
  const r = randomScalar(name)
  const [t2, t3] = await native.multiply([generator(name), composites.m], [[r], [r]])
  const challenge = proofChallenge(publicKey!, composites, t2!, t3!)
  const proof: Proof = { challenge, response: difference(r, native.product(challenge, k)) }
  return { publicKey: publicKey!, blinded, evaluated, proof }
}

describe('RFC 9497 §3.1, CreateContextString', () => {
  it('names mode and suite', () => {
    expect(Buffer.from(contextString('P-256', 'OPRF')).toString('latin1')).toBe('OPRFV1-\x00-P256-SHA256')
    expect(Buffer.from(contextString('P-521', 'VOPRF')).toString('latin1')).toBe('OPRFV1-\x01-P521-SHA512')
  })
})

describe.each(engines)('RFC 9497 §2.2.2, VerifyProof on the $name engine', engine => {
  it.each(curveNames)('%s: accepts what is true, in batches of 1 and 7', async name => {
    for (const count of [1, 7]) {
      const { publicKey, blinded, evaluated, proof } = await proved(name, count)
      expect(await verifyProof(engine, publicKey, blinded, evaluated, proof)).toBe(true)
      const again = parseProof(name, serializeProof(proof))
      expect(await verifyProof(engine, publicKey, blinded, evaluated, again)).toBe(true)
    }
  })

  it.each(curveNames)('%s: refuses every other statement', async name => {
    const { publicKey, blinded, evaluated, proof } = await proved(name, 3)
    const with0 = (points: readonly Point[], point: Point) => [point, ...points.slice(1)]
    const others: [Point, readonly Point[], readonly Point[], Proof][] = [
      [negate(publicKey), blinded, evaluated, proof],
      [publicKey, with0(blinded, negate(blinded[0]!)), evaluated, proof],
      [publicKey, blinded, with0(evaluated, negate(evaluated[0]!)), proof],
      [publicKey, [...blinded].reverse(), [...evaluated].reverse(), proof],
      [publicKey, blinded.slice(1), evaluated.slice(1), proof],
      [publicKey, blinded, evaluated, { challenge: proof.response, response: proof.challenge }],
      [publicKey, blinded, evaluated, { ...proof, response: randomScalar(name) }],
    ]
    for (const statement of others) expect(await verifyProof(engine, ...statement)).toBe(false)
  })

  it('refuses when both sums are the identity: no statement is left', async () => {
    const { publicKey, blinded, evaluated } = await proved('P-256', 1)
    const challenge = randomScalar('P-256')
    const response = randomScalar('P-256')
    // With K = −(s/c)·G the first commitment s·G + c·K is the identity.
    const ratio = engine.product(response, engine.invert([challenge])[0]!)
    const [key] = await engine.multiply([negate(generator('P-256'))], [[ratio]])
    expect(await verifyProof(engine, key!, blinded, evaluated, { challenge, response })).toBe(false)
    expect(await verifyProof(engine, publicKey, blinded, evaluated, { challenge, response })).toBe(false)
  })

  it('can say nothing about no points, unequal numbers or two curves: curve-mismatch', async () => {
    const { publicKey, blinded, evaluated, proof } = await proved('P-256', 2)
    const foreign = generator('P-384')
    for (const [c, d] of [
      [[], []],
      [blinded, evaluated.slice(1)],
      [
        [blinded[0]!, foreign],
        [evaluated[0]!, foreign],
      ],
    ] as const)
      await expect(verifyProof(engine, publicKey, c, d, proof)).rejects.toMatchObject({ code: 'curve-mismatch' })
  })
})

describe('the difference of secrets', () => {
  it.each(curveNames)('%s: is a − b mod n', name => {
    const { n, width } = curve(name)
    fc.assert(
      fc.property(scalarOf(name), scalarOf(name), (a, b) => {
        fc.pre(toInteger(a.bytes) !== toInteger(b.bytes))
        const expected = modulo(toInteger(a.bytes) - toInteger(b.bytes), n)
        expect(difference(a, b).bytes).toEqual(toBytes(expected, width))
      }),
      { numRuns: 500 },
    )
  })

  it.each(curveNames)('%s: at the edges of the range', name => {
    const { n, width } = curve(name)
    const [one, two, last] = [1n, 2n, n - 1n].map(integer => parseScalar(name, toBytes(integer, width)))
    expect(toInteger(difference(one!, two!).bytes)).toBe(n - 1n)
    expect(toInteger(difference(one!, last!).bytes)).toBe(2n)
    expect(toInteger(difference(last!, one!).bytes)).toBe(n - 2n)
  })

  it('refuses equal scalars: zero is no Scalar, invalid-scalar', () => {
    const a = randomScalar('P-521')
    expect(() => difference(a, a)).toThrow(expect.objectContaining({ code: 'invalid-scalar' }))
  })

  it('refuses two curves: curve-mismatch', () => {
    expect(() => difference(randomScalar('P-256'), randomScalar('P-384'))).toThrow(
      expect.objectContaining({ code: 'curve-mismatch' }),
    )
  })
})
