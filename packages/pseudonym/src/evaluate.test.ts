import {
  compress,
  computeComposites,
  curve,
  type Engine,
  generator,
  type Point,
  parseScalar,
  proofChallenge,
  randomScalar,
  type Scalar,
  serializeProof,
} from '@littlebox/curve'
import { nativeEngine } from '@littlebox/curve/native'
import { describe, expect, it } from 'vitest'
import { parseDomain } from './domain.ts'
import { evaluateRequest, processEvaluateResponse } from './evaluate.ts'

const engine: Engine = await nativeEngine()
const name = 'P-256'
const base64url = (octets: Uint8Array) => Buffer.from(octets).toString('base64url')
const key = randomScalar(name)
const [publicKey] = await engine.multiplyBase([key])
const inputs = ['a', 'b', 'a'].map(text => new TextEncoder().encode(text))
const unexpected = expect.objectContaining({ code: 'unexpected-answer' })

const domainOf = (more: object) =>
  parseDomain({
    domain: 'research_v1',
    crv: name,
    audience: 'https://pseudonyms.example/pseudo/v1/domains/research_v1',
    bufferSize: 8,
    timeToLiveInTransit: 'PT10M',
    secretKeys: [],
    littlebox: { encoding: 'hashed', valueFormat: 'text', back: false, evaluate: true, ...more },
  })
const oprf = domainOf({})
const voprf = domainOf({ publicKey: base64url(compress(publicKey!)) })

/** What a service answers whose key is `k`, with a proof as RFC 9497 §2.2.1 makes it. */
async function answer(body: unknown, k: Scalar): Promise<{ evaluated: string[]; proof: string }> {
  const texts = (body as { blinded: string[] }).blinded
  const parsed = await engine.parse(
    name,
    texts.map(text => Buffer.from(text, 'base64url')),
  )
  const blinded = parsed as Point[]
  const evaluated = await engine.multiply(
    blinded,
    blinded.map(() => [k]),
  )
  const [kG] = await engine.multiplyBase([k])
  const composites = await computeComposites(engine, kG!, blinded, evaluated)
  const r = randomScalar(name)
  const [t2, t3] = await engine.multiply([generator(name), composites.m], [[r], [r]])
  const challenge = proofChallenge(kG!, composites, t2!, t3!)
  const { n, width } = curve(name)
  const integer = (scalar: Scalar) => BigInt(`0x${Buffer.from(scalar.bytes).toString('hex')}`)
  const s = (((integer(r) - integer(challenge) * integer(k)) % n) + n) % n
  const response = parseScalar(name, Buffer.from(s.toString(16).padStart(2 * width, '0'), 'hex'))
  return {
    evaluated: evaluated.map(point => base64url(compress(point))),
    proof: base64url(serializeProof({ challenge, response })),
  }
}

async function outputs(domain: typeof oprf, k: Scalar, change: (body: object) => unknown = body => body) {
  const pending = await evaluateRequest(engine, domain, inputs)
  const body = change(await answer(pending.request.body, k))
  return processEvaluateResponse(engine, domain, pending, { status: 200, body })
}

describe('evaluate (RFC 9497, §6)', () => {
  it('sends blinded elements only, each compressed', async () => {
    const { request } = await evaluateRequest(engine, oprf, inputs)
    expect(request).toMatchObject({ method: 'POST', path: '/pseudo/v2/domains/research_v1/evaluate' })
    const { blinded } = request.body as { blinded: string[] }
    expect(new Set(blinded).size).toBe(3)
    for (const text of blinded) expect(Buffer.from(text, 'base64url')).toHaveLength(33)
  })

  it('gives equal inputs equal outputs, in either mode, and the modes differ', async () => {
    const [one, two] = [await outputs(oprf, key), await outputs(voprf, key)]
    for (const [a, b, again] of [one, two]) {
      expect(a).toEqual(again)
      expect(a).not.toEqual(b)
    }
    expect(one[0]).not.toEqual(two[0])
    expect(await outputs(voprf, key)).toEqual(two)
  })

  it('believes no proof but one by the key that the domain has published', async () => {
    await expect(outputs(voprf, randomScalar(name))).rejects.toEqual(unexpected)
    await expect(outputs(voprf, key, body => ({ ...body, proof: undefined }))).rejects.toEqual(unexpected)
    await expect(outputs(voprf, key, body => ({ ...body, proof: base64url(new Uint8Array(64)) }))).rejects.toEqual(
      unexpected,
    )
    const reversed = (body: object) => ({
      ...body,
      evaluated: (body as { evaluated: string[] }).evaluated.toReversed(),
    })
    await expect(outputs(voprf, key, reversed)).rejects.toEqual(unexpected)
  })

  it.each([null, {}, { evaluated: [] }, { evaluated: [1, 2, 3] }, { evaluated: ['*', '*', '*'] }])(
    'refuses an answer of another shape: %j',
    async body => {
      await expect(outputs(oprf, key, () => body)).rejects.toEqual(unexpected)
    },
  )

  it('refuses points that are none', async () => {
    const zeros = Array(3).fill(base64url(new Uint8Array(33)))
    await expect(outputs(oprf, key, () => ({ evaluated: zeros }))).rejects.toMatchObject({ code: 'invalid-point' })
  })

  it('is not asked of a domain that does not allow it', async () => {
    const closed = domainOf({ evaluate: false })
    await expect(evaluateRequest(engine, closed, inputs)).rejects.toMatchObject({ code: 'not-allowed' })
  })

  it('gives the service’s refusal', async () => {
    const pending = await evaluateRequest(engine, oprf, inputs)
    const refusal = processEvaluateResponse(engine, oprf, pending, { status: 403, body: undefined })
    await expect(refusal).rejects.toMatchObject({ code: 'refused', problem: { status: 403, code: 'unknown' } })
  })
})
