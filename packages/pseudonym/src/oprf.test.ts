import { existsSync, readFileSync } from 'node:fs'
import {
  type CurveName,
  type Engine,
  generator,
  type Point,
  type Proof,
  parsePoint,
  parseScalar,
  proofChallenge,
  randomScalar,
  type Scalar,
  samePoint,
  serializeProof,
} from '@littlebox/curve'
import { nativeEngine } from '@littlebox/curve/native'
import { portableEngine } from '@littlebox/curve/portable'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  blind,
  deserializeElements,
  deserializeProof,
  finalize,
  type OprfSuite,
  oprfCurves,
  oprfOutput,
  serializeElement,
} from './oprf.ts'
import { type OprfVector, type OprfVectors, rfc9497 } from './oprf.vectors.ts'

const engines: readonly Engine[] = [await nativeEngine(), portableEngine]
const suites = Object.keys(oprfCurves) as OprfSuite[]

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'))
const hex = (octets: Uint8Array) => Buffer.from(octets).toString('hex')
const items = (hexes: string) => hexes.split(',').map(bytes)
const joined = (octets: readonly Uint8Array[]) => octets.map(hex).join(',')
const text = (value: string) => new TextEncoder().encode(value)

/** What a service answers that has k in its hand. */
const evaluate = (engine: Engine, elements: readonly Point[], k: Scalar) =>
  engine.multiply(
    elements,
    elements.map(() => [k]),
  )

async function check(engine: Engine, { suite, mode, skS, pkS }: OprfVectors, vector: OprfVector): Promise<void> {
  const blinds = items(vector.blind)
  const batch = await blind(engine, suite, mode, items(vector.input), () => blinds.shift()!)
  expect(joined(batch.blindedElements.map(serializeElement))).toBe(vector.blinded)

  const evaluated = await deserializeElements(engine, suite, items(vector.evaluated))
  const computed = await evaluate(engine, batch.blindedElements, parseScalar(oprfCurves[suite], bytes(skS)))
  expect(joined(computed.map(serializeElement))).toBe(vector.evaluated)

  const proof = vector.proof === undefined ? {} : { proof: deserializeProof(suite, bytes(vector.proof)) }
  const publicKey = pkS === undefined ? {} : { publicKey: parsePoint(oprfCurves[suite], bytes(pkS)) }
  expect(joined(await finalize(engine, batch, { evaluated, ...proof, ...publicKey }))).toBe(vector.output)
}

describe.each(engines)('RFC 9497 on the $name engine', engine => {
  describe.each(rfc9497)('Appendix A, $suite, $mode', vectors => {
    it.each(vectors.vectors)('input $input', vector => check(engine, vectors, vector))
  })

  describe('the authors’ file', () => {
    const file = new URL('../../../../shared/vectors/rfc9497/allVectors.json', import.meta.url)
    if (!existsSync(file)) {
      it('is not here: only the facts above were checked', () => expect(rfc9497).toHaveLength(6))
      return
    }
    const groups = ours(JSON.parse(readFileSync(file, 'utf8')) as Published[])
    it('has the fifteen vectors of these suites and modes', () =>
      expect(groups.flatMap(group => group.vectors)).toHaveLength(15))
    it.each(groups)('$suite $mode', async group => {
      for (const vector of group.vectors) await check(engine, group, vector)
    })
  })

  it.each(suites)('%s: finalize(blind(x)) is what the key alone gives', async suite => {
    const name = oprfCurves[suite]
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 200 }), { minLength: 1, maxLength: 4 }), async inputs => {
        const k = randomScalar(name)
        const batch = await blind(engine, suite, 'OPRF', inputs)
        const outputs = await finalize(engine, batch, { evaluated: await evaluate(engine, batch.blindedElements, k) })
        const direct = await evaluate(engine, await hashed(engine, suite, inputs), k)
        expect(joined(outputs)).toBe(joined(direct.map((element, i) => oprfOutput(suite, inputs[i]!, element))))
      }),
      { numRuns: engine.name === 'native' ? 20 : 2 },
    )
  })

  it('blinds the same input differently each time', async () => {
    const { blindedElements } = await blind(engine, 'P256-SHA256', 'OPRF', [text('x'), text('x')])
    expect(samePoint(blindedElements[0]!, blindedElements[1]!)).toBe(false)
  })

  it('separates the modes: the same input and key give other outputs', async () => {
    const k = randomScalar('P-256')
    const elements = await Promise.all(
      (['OPRF', 'VOPRF'] as const).map(async mode => {
        const batch = await blind(engine, 'P256-SHA256', mode, [text('x')])
        return engine.multiply(batch.blindedElements, [[...engine.invert(batch.blinds), k]])
      }),
    )
    expect(samePoint(elements[0]![0]!, elements[1]![0]!)).toBe(false)
  })

  describe.each(suites)('%s refuses', suite => {
    const name = oprfCurves[suite]
    const vectors = rfc9497.find(group => group.suite === suite && group.mode === 'VOPRF')!
    const vector = vectors.vectors[2]!
    const publicKey = parsePoint(name, bytes(vectors.pkS!))
    const proof = deserializeProof(suite, bytes(vector.proof!))

    const replay = async () => {
      const blinds = items(vector.blind)
      const batch = await blind(engine, suite, 'VOPRF', items(vector.input), () => blinds.shift()!)
      return { batch, evaluated: await deserializeElements(engine, suite, items(vector.evaluated)) }
    }

    it('a proof with a bit changed: unexpected-answer', async () => {
      const { batch, evaluated } = await replay()
      const width = serializeProof(proof).length / 2
      for (const at of [width - 1, 2 * width - 1]) {
        const changed = serializeProof(proof)
        changed[at]! ^= 1
        await expect(
          finalize(engine, batch, { evaluated, publicKey, proof: deserializeProof(suite, changed) }),
        ).rejects.toMatchObject({ code: 'unexpected-answer' })
      }
    })

    it('elements in another order, another key, another element, a batch cut short: unexpected-answer', async () => {
      const { batch, evaluated } = await replay()
      const wrong = [
        { evaluated: [...evaluated].reverse(), publicKey },
        { evaluated: [evaluated[0]!, generator(name)], publicKey },
        { evaluated, publicKey: generator(name) },
        { evaluated: evaluated.slice(0, 1), publicKey },
      ]
      for (const answer of wrong)
        await expect(finalize(engine, batch, { ...answer, proof })).rejects.toMatchObject({ code: 'unexpected-answer' })
    })

    it('verifiable mode without a proof, or without the public key: unexpected-answer', async () => {
      const { batch, evaluated } = await replay()
      for (const answer of [{ evaluated }, { evaluated, proof }, { evaluated, publicKey }])
        await expect(finalize(engine, batch, answer)).rejects.toMatchObject({ code: 'unexpected-answer' })
    })

    it('a second key used for one item of the batch: unexpected-answer', async () => {
      const [k, other] = [randomScalar(name), randomScalar(name)]
      const batch = await blind(engine, suite, 'VOPRF', [text('a'), text('b')])
      const [first] = await evaluate(engine, batch.blindedElements, k)
      const [, second] = await evaluate(engine, batch.blindedElements, other)
      const [publicPart] = await engine.multiplyBase([k])
      const forged = await forge(engine, name, publicPart!, k)
      await expect(
        finalize(engine, batch, { evaluated: [first!, second!], publicKey: publicPart!, proof: forged }),
      ).rejects.toMatchObject({ code: 'unexpected-answer' })
    })

    it('elements that are none, or not compressed: invalid-point', async () => {
      const good = items(vector.evaluated)[0]!
      const tampered = good.slice()
      tampered[0] = 5
      for (const encoding of [tampered, good.subarray(1), new Uint8Array(1), generator(name).bytes])
        await expect(deserializeElements(engine, suite, [good, encoding])).rejects.toMatchObject({
          code: 'invalid-point',
        })
    })

    it('elements of another curve: invalid-point', async () => {
      const { batch, evaluated } = await replay()
      const foreign = generator(name === 'P-256' ? 'P-384' : 'P-256')
      await expect(
        finalize(engine, batch, { evaluated: [evaluated[0]!, foreign], publicKey, proof }),
      ).rejects.toMatchObject({ code: 'invalid-point' })
    })

    it('proofs of the wrong length or out of range: unexpected-answer', () => {
      const serialized = serializeProof(proof)
      for (const wrong of [serialized.subarray(1), new Uint8Array(serialized.length), serialized.map(() => 255)])
        expect(() => deserializeProof(suite, wrong)).toThrow(expect.objectContaining({ code: 'unexpected-answer' }))
    })
  })

  it('refuses an input of 65,536 bytes: value-too-long', async () => {
    await expect(blind(engine, 'P256-SHA256', 'OPRF', [new Uint8Array(65_536)])).rejects.toMatchObject({
      code: 'value-too-long',
    })
  })
})

/** H(x) of each input, by removing the blinds again. */
async function hashed(engine: Engine, suite: OprfSuite, inputs: readonly Uint8Array[]): Promise<Point[]> {
  const { blinds, blindedElements } = await blind(engine, suite, 'OPRF', inputs)
  return engine.multiply(
    blindedElements,
    engine.invert(blinds).map(inverse => [inverse]),
  )
}

/** A proof that is well-formed and about another statement. */
async function forge(engine: Engine, name: CurveName, publicKey: Point, k: Scalar): Promise<Proof> {
  const g = generator(name)
  const challenge = proofChallenge(publicKey, { m: g, z: publicKey }, g, g)
  return { challenge, response: engine.product(challenge, k) }
}

interface Published {
  readonly identifier: string
  readonly mode: number
  readonly skSm: string
  readonly pkSm?: string
  readonly vectors: readonly (Record<'Input' | 'Blind' | 'BlindedElement' | 'EvaluationElement' | 'Output', string> & {
    readonly Proof?: { readonly proof: string; readonly r: string }
  })[]
}

function ours(published: readonly Published[]): OprfVectors[] {
  return published
    .filter(({ identifier, mode }) => suites.includes(identifier as OprfSuite) && mode < 2)
    .map(({ identifier, mode, skSm, pkSm, vectors }) => ({
      suite: identifier as OprfSuite,
      mode: mode === 0 ? 'OPRF' : 'VOPRF',
      skS: skSm,
      ...(pkSm && { pkS: pkSm }),
      vectors: vectors.map(({ Input, Blind, BlindedElement, EvaluationElement, Output, Proof }) => ({
        input: Input,
        blind: Blind,
        blinded: BlindedElement,
        evaluated: EvaluationElement,
        output: Output,
        ...Proof,
      })),
    }))
}
