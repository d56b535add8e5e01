import { engine, parsePoint } from '@littlebox/curve'
import { evaluateRequest, parseDomain, processEvaluateResponse } from '@littlebox/pseudonym'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createDomain, rule, startWorld, type World } from './test-support/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
  for (const crv of ['P-256', 'P-384', 'P-521']) {
    const domain = `evaluated_${crv.slice(2)}_v1`
    const accessRule = rule(domain, { operation: 'evaluate' })
    await createDomain(world, domain, { crv, encoding: 'hashed', back: false, evaluate: true, accessRule })
  }
})
afterAll(() => world?.close())

const inputs = ['one', 'two', ''].map(text => Uint8Array.from(Buffer.from(text)))
const domainOf = async (crv: string) =>
  parseDomain((await world.call('GET', `/pseudo/v1/domains/evaluated_${crv}_v1`)).body)

describe('evaluate (RFC 9497 in mode VOPRF, pseudonyms.md §6)', () => {
  it.each(['256', '384', '521'])(
    'P-%s: the same output for the same input, proved by the domain’s public key',
    async crv => {
      const native = await engine()
      const domain = await domainOf(crv)
      const outputs: string[][] = []
      for (let round = 0; round < 2; round++) {
        const pending = await evaluateRequest(native, domain, inputs)
        const { status, body } = await world.call('POST', pending.request.path, pending.request.body)
        expect(body).toMatchObject({ mode: 'voprf', publicKey: expect.any(String), proof: expect.any(String) })
        const output = await processEvaluateResponse(native, domain, pending, { status, body })
        outputs.push(output.map(bytes => Buffer.from(bytes).toString('hex')))
      }
      expect(outputs[0]).toEqual(outputs[1])
      expect(new Set(outputs[0]).size).toBe(3)
    },
  )

  it('an answer whose elements were exchanged has no valid proof', async () => {
    const native = await engine()
    const domain = await domainOf('256')
    const pending = await evaluateRequest(native, domain, inputs)
    const { status, body } = await world.call('POST', pending.request.path, pending.request.body)
    const swapped = { ...body, evaluated: [body.evaluated[1], body.evaluated[0], body.evaluated[2]] }
    await expect(processEvaluateResponse(native, domain, pending, { status, body: swapped })).rejects.toMatchObject({
      code: 'unexpected-answer',
    })
  })

  it('refuses, before any multiplication: bad elements, 0 and 1,001 of them, no rule, a domain that does not evaluate', async () => {
    await createDomain(world, 'plain_v1')
    const native = await engine()
    const { request } = await evaluateRequest(native, await domainOf('256'), inputs)
    const [element] = (request.body as { blinded: string[] }).blinded
    const uncompressed = Buffer.from(parsePoint('P-256', Buffer.from(element!, 'base64url')).bytes).toString(
      'base64url',
    )
    const before = await world.metric('littlebox_box_points_total')
    const path = '/pseudo/v2/domains/evaluated_256_v1/evaluate'
    const cases: [string, unknown, { roles?: string[] }, number, string][] = [
      [path, { blinded: [element, 'AAAA'] }, {}, 400, 'invalid-point'],
      [path, { blinded: [uncompressed] }, {}, 400, 'invalid-point'],
      [path, { blinded: [`${element}=`] }, {}, 400, 'invalid-point'],
      [path, { blinded: [] }, {}, 400, 'invalid-request'],
      [path, { blinded: Array.from({ length: 1001 }, () => element) }, {}, 400, 'invalid-request'],
      [path, { blinded: [7] }, {}, 400, 'invalid-request'],
      [path, { blinded: [element] }, { roles: [] }, 403, 'no-right'],
      ['/pseudo/v2/domains/plain_v1/evaluate', { blinded: [element] }, {}, 403, 'no-right'],
    ]
    for (const [at, body, as, status, code] of cases) {
      const answer = await world.call('POST', at, body, { as })
      expect([answer.status, answer.body.type.split(':').at(-1)]).toEqual([status, code])
    }
    expect(await world.metric('littlebox_box_points_total')).toBe(before)
  })

  it('other domains neither publish a key nor answer', async () => {
    const { body } = await world.call('GET', '/pseudo/v1/domains/plain_v1')
    expect(body.littlebox.publicKey).toBeUndefined()
  })
})
