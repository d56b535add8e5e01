import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { atRest, blindPoint, blindValue, label, pseudonymised, unblind, valueIn } from './test-support/party.ts'
import { createDomain, startWorld, type World } from './test-support/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
  await createDomain(world, 'prescriptions_v1')
})
afterAll(() => world?.close())

describe('the protocol over HTTP (pseudonyms.md §3, §6)', () => {
  it('pseudonymises a value to one pseudonym at rest, by two different tokens in transit', async () => {
    const first = await pseudonymised(world, 'prescriptions_v1', '85073003328')
    const second = await pseudonymised(world, 'prescriptions_v1', '85073003328')
    expect(label(first.point)).not.toBe(label(second.point))
    const stored = await atRest(world, 'prescriptions_v1', first.point, first.transitInfo)
    expect(label(await atRest(world, 'prescriptions_v1', second.point, second.transitInfo))).toBe(label(stored))
  })

  it('identifies what it pseudonymised', async () => {
    const { point, transitInfo } = await pseudonymised(world, 'prescriptions_v1', 'Zoë')
    const { item, blind } = await blindPoint(point, transitInfo)
    const answer = await world.call('POST', '/pseudo/v1/domains/prescriptions_v1/identify', item)
    expect(answer.status).toBe(200)
    expect(answer.body).toMatchObject({ domain: 'prescriptions_v1', crv: 'P-521', inResponseTo: item.id })
    expect(answer.body.transitInfo).toBeUndefined()
    expect(valueIn(await unblind(answer.body, blind))).toBe('Zoë')
  })

  it('answers batches in their order, and a failed item costs the others nothing', async () => {
    const values = Array.from({ length: 20 }, (_, i) => `person ${i}`)
    const blinded = await Promise.all(values.map(value => blindValue(value)))
    const inputs = blinded.map(({ item }, i) => (i % 5 === 3 ? { ...item, x: item.y } : item))
    const path = '/pseudo/v1/domains/prescriptions_v1/pseudonymizeMultiple'
    const { status, body, headers } = await world.call('POST', path, { inputs })
    expect(status).toBe(200)
    expect(headers.get('cache-control')).toBe('no-store')
    const again: typeof blinded = []
    for (const [i, output] of body.outputs.entries()) {
      expect(output.inResponseTo).toBe(inputs[i]!.id)
      if (i % 5 === 3) {
        expect(output).toEqual({
          type: 'urn:problem-type:littlebox:invalid-point',
          title: expect.any(String),
          status: 400,
          detail: expect.any(String),
          inResponseTo: inputs[i]!.id,
        })
      } else again.push(await blindPoint(await unblind(output, blinded[i]!.blind), output.transitInfo))
    }
    const identified = await world.call('POST', '/pseudo/v1/domains/prescriptions_v1/identifyMultiple', {
      inputs: again.map(({ item }) => item),
    })
    const found = []
    for (const [i, output] of identified.body.outputs.entries())
      found.push(valueIn(await unblind(output, again[i]!.blind)))
    expect(found).toEqual(values.filter((_, i) => i % 5 !== 3))
  })
})
