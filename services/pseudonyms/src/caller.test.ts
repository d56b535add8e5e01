import { createHash, randomUUID } from 'node:crypto'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { blindValue } from './test-support/party.ts'
import { audience, createDomain, provider, startWorld, type World } from './test-support/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
  await createDomain(world, 'one_v1')
})
afterAll(() => world?.close())

const path = '/pseudo/v1/domains/one_v1/pseudonymize'

describe('a caller with DPoP (RFC 9449, pseudonyms.md §7)', () => {
  it('gets in with a fresh proof for this method and address, once', async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256')
    const jwk = await exportJWK(publicKey)
    const claims = { ...provider, client_id: 'sdk-1', cnf: { jkt: await calculateJwkThumbprint(jwk) } }
    const token = await world.token(claims)
    const proof = (htm: string, htu: string) =>
      new SignJWT({ htm, htu, jti: randomUUID(), ath: createHash('sha256').update(token).digest('base64url') })
        .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
        .setIssuedAt()
        .sign(privateKey)
    const { item } = await blindValue('somebody')
    const send = (dpop: string) =>
      world.call('POST', path, item, { token: undefined, headers: { authorization: `DPoP ${token}`, dpop } })
    const good = await proof('POST', `${audience}${path}`)
    expect((await send(good)).status).toBe(200)
    expect((await send(good)).status).toBe(401)
    expect((await send(await proof('GET', `${audience}${path}`))).status).toBe(401)
    expect((await send(await proof('POST', `${audience}/pseudo/v1/domains/one_v1/identify`))).status).toBe(401)
    expect((await send(await proof('POST', `https://elsewhere.test${path}`))).status).toBe(401)
    // RFC 9449 §7.2: bound, so not as plain bearer.
    expect((await world.call('POST', path, item, { token })).status).toBe(401)
  })
})

describe('what is open to all', () => {
  it('/openapi.json names every route, 3.1, and /docs reads it', async () => {
    const { body } = await world.call('GET', '/openapi.json', undefined, { token: undefined })
    expect(body.openapi).toMatch(/^3\.1/)
    expect(Object.keys(body.paths).sort()).toEqual([
      '/pseudo/v1/domains/{domain}',
      '/pseudo/v1/domains/{domain}/identify',
      '/pseudo/v1/domains/{domain}/identifyMultiple',
      '/pseudo/v1/domains/{domain}/pseudonymize',
      '/pseudo/v1/domains/{domain}/pseudonymizeMultiple',
      '/pseudo/v1/domains/{from}/convertMultipleTo/{to}',
      '/pseudo/v1/domains/{from}/convertTo/{to}',
      '/pseudo/v2/domains',
      '/pseudo/v2/domains/{domain}',
      '/pseudo/v2/domains/{domain}/access-rule',
      '/pseudo/v2/domains/{domain}/evaluate',
      '/pseudo/v2/domains/{domain}/quotas',
      '/pseudo/v2/domains/{domain}/retire',
      '/pseudo/v2/domains/{domain}/rotate',
    ])
    const page = await fetch(`${world.service.url}/docs`)
    expect(page.status).toBe(200)
    expect(await page.text()).not.toMatch(/(src|href)="https?:/)
  })

  it('/metrics names neither persons nor callers nor domains', async () => {
    const text = await (await fetch(`${world.service.url}/metrics`)).text()
    expect(text).toContain('littlebox_box_points_total')
    for (const name of ['care-1', 'sdk-1', 'hospital-a', 'one_v1']) expect(text).not.toContain(name)
  })
})
