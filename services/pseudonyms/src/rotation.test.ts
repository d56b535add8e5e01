import { openSecretKeys, parseDomain } from '@littlebox/pseudonym'
import { flattenedDecrypt } from 'jose'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { ownerKeyPair } from './test-support/owner-keys.ts'
import { blindPoint, pseudonymised, unblind, valueIn } from './test-support/party.ts'
import { admin, audience, createDomain, ownerClient, startWorld, type World } from './test-support/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world?.close())

const document = async (domain: string, as = ownerClient) =>
  (await world.call('GET', `/pseudo/v1/domains/${domain}`, undefined, { as })).body
const kidOf = (transitInfo: string) => JSON.parse(Buffer.from(transitInfo.split('.')[0]!, 'base64url').toString()).kid

describe('the domain document (pseudonyms.md §5)', () => {
  it('has eHealth’s members and ours', async () => {
    await createDomain(world, 'document_v1')
    expect(await document('document_v1')).toMatchObject({
      domain: 'document_v1',
      desc: 'For tests',
      crv: 'P-521',
      audience: `${audience}/pseudo/v1/domains/document_v1`,
      bufferSize: 8,
      timeToLiveInTransit: 'PT10M',
      jku: [world.jku],
      secretKeys: [{ kid: expect.any(String), active: true }],
      accessRule: { domain: 'document_v1', type: 'custom' },
      littlebox: { encoding: 'reversible', valueFormat: 'text', back: true, evaluate: false },
    })
  })

  it('opens with jose alone, for the owner’s key', async () => {
    const [{ encoded }] = (await document('document_v1')).secretKeys
    const [recipient] = encoded.recipients
    expect(recipient.header).toEqual({ alg: 'RSA-OAEP-256', jku: world.jku, kid: world.owner.kid })
    const { plaintext } = await flattenedDecrypt({ ...encoded, ...recipient }, world.owner.privateKey)
    expect(JSON.parse(new TextDecoder().decode(plaintext))).toEqual({
      kty: 'oct',
      alg: 'A256GCM',
      k: expect.any(String),
    })
  })

  it('shows secretKeys to the owner’s own clients only; to others an empty list', async () => {
    for (const as of [{ ...ownerClient, client_id: 'care-1' }, admin])
      expect((await document('document_v1', as)).secretKeys).toEqual([])
  })
})

describe('rotating transit keys (pseudonyms.md §4)', () => {
  it('rotate: the new key at once, on every replica within a second; the old one still opens', async () => {
    await createDomain(world, 'rotated_v1')
    const second = await world.replica()
    const old = await pseudonymised(world, 'rotated_v1', 'somebody')
    const { status, body } = await world.call('POST', '/pseudo/v2/domains/rotated_v1/rotate', undefined, { as: admin })
    expect(status).toBe(200)
    const fresh = await pseudonymised(world, 'rotated_v1', 'somebody')
    expect(kidOf(fresh.transitInfo)).toBe(body.kid)
    expect(kidOf(old.transitInfo)).not.toBe(body.kid)
    for (const at of [world.service.url, second.url]) {
      for (const { point, transitInfo } of [old, fresh]) {
        const { item, blind } = await blindPoint(point, transitInfo)
        const identify = () => world.call('POST', '/pseudo/v1/domains/rotated_v1/identify', item, { at })
        await expect.poll(async () => (await identify()).status, { timeout: 1000 }).toBe(200)
        expect(valueIn(await unblind((await identify()).body, blind))).toBe('somebody')
      }
    }
    const domain = parseDomain(await document('rotated_v1'))
    expect(domain.secretKeys.map(({ active }) => active)).toEqual([false, true])
    const keys = await openSecretKeys(domain, [{ kid: world.owner.kid, key: world.owner.privateKey }])
    expect(keys.active.kid).toBe(body.kid)
    const described = await world.call('GET', '/pseudo/v2/domains/rotated_v1', undefined, { as: admin })
    expect(described.body.transitKeys).toMatchObject([
      { active: false, retiresAt: expect.any(String) },
      { kid: body.kid, active: true },
    ])
  })

  it('seals to the keys that the owner publishes at that time', async () => {
    const next = await ownerKeyPair()
    const jku = world.publisher.publish('/changing', { keys: [world.owner.publicJwk] })
    await createDomain(world, 'changing_v1', { jku: [jku] })
    world.publisher.publish('/changing', { keys: [next.publicJwk] })
    await world.call('POST', '/pseudo/v2/domains/changing_v1/rotate', undefined, { as: admin })
    const domain = parseDomain(await document('changing_v1'))
    expect(domain.secretKeys.map(({ encoded }) => encoded.recipients.map(({ header }) => header.kid))).toEqual([
      [world.owner.kid],
      [next.kid],
    ])
  })

  it('keys stand in the database as envelopes only, bound to domain and kid', async () => {
    await createDomain(world, 'sealed_v1')
    const domain = parseDomain(await document('sealed_v1'))
    const { active } = await openSecretKeys(domain, [{ kid: world.owner.kid, key: world.owner.privateKey }])
    const rows = await world.sql('select kid, domain, wrapped from transit_key')
    const all = Buffer.concat(rows.map(({ wrapped }) => wrapped))
    expect(all.includes(Buffer.from(active.secret))).toBe(false)
    expect(active.secret).toHaveLength(32)
  })

  it('a key whose tokens have all expired is deleted, and a successor comes by itself in time', async () => {
    await createDomain(world, 'aging_v1')
    await world.sql(
      `update transit_key set active_from = now() - interval '27 days 1 hour', created_at = now() - interval '27 days 1 hour'
       where domain = 'aging_v1'`,
    )
    // A replica that starts reads everything; closing runs a round of rotation.
    await (await world.replica()).close()
    const keys = await world.sql(
      "select kid, active_from > now() as announced from transit_key where domain = 'aging_v1' order by active_from",
    )
    expect(keys.map(({ announced }) => announced)).toEqual([false, true])
    await expect.poll(async () => (await document('aging_v1')).secretKeys.length).toBe(2)
    const { transitInfo } = await pseudonymised(world, 'aging_v1', 'somebody')
    expect(kidOf(transitInfo)).toBe(keys[0].kid)
    await world.sql(`update transit_key set active_from = active_from - interval '2 days' where domain = 'aging_v1'`)
    await (await world.replica()).close()
    const left = await world.sql("select kid from transit_key where domain = 'aging_v1'")
    expect(left).toEqual([{ kid: keys[1].kid }])
  })

  it('a retired domain’s last key is deleted when the last token that an owner may have made has expired', async () => {
    await createDomain(world, 'ended_v1')
    const retire = () => world.call('POST', '/pseudo/v2/domains/ended_v1/retire', undefined, { as: admin })
    const { body } = await retire()
    expect(body.transitKeys).toMatchObject([{ retiresAt: expect.any(String) }])
    const left = async () => {
      await (await world.replica()).close()
      return world.sql("select 1 from transit_key where domain = 'ended_v1'")
    }
    const age = (minutes: number) =>
      world.sql(`update domain set retired_at = retired_at - interval '${minutes} minutes' where name = 'ended_v1'`)
    await age(6 * 60 + 11)
    expect(await left()).toHaveLength(1)
    expect((await retire()).body.transitKeys).toHaveLength(1)
    await age(2)
    expect(await left()).toHaveLength(0)
  })

  it('by hand on a replica whose clock is behind: a key in use stays, one that was announced goes', async () => {
    await createDomain(world, 'behind_v1')
    const rotate = async (): Promise<string> =>
      (await world.call('POST', '/pseudo/v2/domains/behind_v1/rotate', undefined, { as: admin })).body.kid
    const announced = await rotate()
    await world.sql(`update transit_key set active_from = now() + interval '1 day' where kid = $1`, [announced])
    const used = await rotate()
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 240_000 })
    const rotated = await rotate().finally(() => vi.useRealTimers())
    const rows = await world.sql("select kid from transit_key where domain = 'behind_v1' order by active_from")
    expect(rows.map(({ kid }) => kid).slice(1)).toEqual([used, rotated])
  })

  it('counts the tokens that a key has made', async () => {
    await createDomain(world, 'counted_v1')
    const replica = await world.replica()
    const { item } = await blindPoint((await pseudonymised(world, 'document_v1', 'somebody')).point)
    const inputs = Array.from({ length: 7 }, () => item)
    await world.call('POST', '/pseudo/v1/domains/counted_v1/pseudonymizeMultiple', { inputs }, { at: replica.url })
    await replica.close()
    expect(await world.sql("select tokens::int from transit_key where domain = 'counted_v1'")).toEqual([{ tokens: 7 }])
  })
})
