import { nativeEngine } from '@littlebox/curve/native'
import { decodeJwt, EmbeddedJWK, jwtVerify } from 'jose'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { generateDpopKeys, plainBearer, pseudonymService } from './index.ts'
import { refused, startHonestService } from './test-support/honest-service.ts'
import { openerFor, refuses, settingsFor } from './test-support/sdk.ts'

const engine = await nativeEngine()
const honest = await startHonestService(engine, [
  { name: 'people_256' },
  { name: 'elsewhere' },
  { name: 'texts', valueFormat: 'text' },
])
afterAll(() => honest.close())
afterEach(() => {
  honest.bend = undefined
})

const settings = settingsFor(honest)
const open = openerFor(honest)
const people = () => open().domain('people_256')
const ssn = '85073003328'

describe('a service that fails', () => {
  it('is asked at the next base URL, at once', async () => {
    const second = await startHonestService(engine, [])
    await second.close()
    const both = open({ url: [second.url, honest.url] })
    const domain = await both.domain('people_256')
    expect(await domain.identify(await domain.pseudonymise(ssn))).toBe(ssn)
  })

  it('is asked at the replica not tried yet, whatever other calls have found out meanwhile', async () => {
    const first = await startHonestService(engine, [{ name: 'people_256' }])
    let giveUp = () => {}
    first.bend = (_, __, response) => {
      if (first.seen.length > 1) response.destroy()
      else giveUp = () => response.destroy()
      return undefined
    }
    const both = open({ url: [first.url, honest.url] })
    const slow = both.document('people_256')
    await expect.poll(() => first.seen.length).toBe(1)
    await both.document('people_256')
    giveUp()
    await slow
    expect(first.seen).toHaveLength(2)
    await first.close()
  })

  it.each([500, 502, 503, 504])('with %i is asked again', async status => {
    const domain = await people()
    let failures = 2
    honest.bend = reply => (failures-- > 0 ? { ...reply, ...refused(status, 'away') } : reply)
    expect(await domain.pseudonymise(ssn)).toContain(':')
    expect(failures).toBe(-1)
  })

  it('and drops connections, before or within its answer, is asked again', async () => {
    const domain = await people()
    let calls = 0
    honest.bend = (reply, _, response) => {
      calls++
      if (calls === 1) response.destroy()
      else if (calls === 2) {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': '5000' })
        response.write('{"outputs":[')
        setTimeout(() => response.destroy(), 20)
      } else return reply
      return undefined
    }
    expect(await domain.pseudonymise(ssn)).toContain(':')
    expect(calls).toBe(3)
  })

  it('and hangs is given up after the patience, and asked again', async () => {
    const domain = await open({ patience: 100 }).domain('people_256')
    let calls = 0
    honest.bend = reply => (calls++ === 0 ? undefined : reply)
    expect(await domain.pseudonymise(ssn)).toContain(':')
  })

  it('for good is away when the deadline is over, and not later', async () => {
    const domain = await open({ deadline: 400 }).domain('people_256')
    honest.bend = reply => ({ ...reply, ...refused(503, 'box-away') })
    const startedMs = performance.now()
    await expect(domain.pseudonymise(ssn)).rejects.toMatchObject({
      code: 'service-away',
      problem: { status: 503, code: 'box-away' },
    })
    const tookMs = performance.now() - startedMs
    expect(tookMs).toBeGreaterThan(350)
    expect(tookMs).toBeLessThan(1_500)
  })

  it('and asks for a pause (Retry-After) is given it', async () => {
    const domain = await people()
    const atMs: number[] = []
    honest.bend = reply => {
      atMs.push(performance.now())
      return atMs.length > 1 ? reply : { ...reply, ...refused(429, 'over-quota'), headers: { 'retry-after': '1' } }
    }
    expect(await domain.pseudonymise(ssn)).toContain(':')
    expect(atMs[1]! - atMs[0]!).toBeGreaterThanOrEqual(1_000)
  })

  it('and has no quota left until after the deadline says so at once', async () => {
    const domain = await people()
    honest.bend = reply => ({ ...reply, ...refused(429, 'over-quota'), headers: { 'retry-after': '3600' } })
    await expect(domain.pseudonymise(ssn)).rejects.toMatchObject({
      code: 'over-quota',
      problem: { status: 429, retryAfterSeconds: 3600 },
    })
  })

  it.each([400, 401, 403, 404, 409, 413])('with %i is not asked again', async status => {
    const domain = await people()
    let calls = 0
    honest.bend = reply => {
      calls++
      return { ...reply, ...refused(status, 'some-reason') }
    }
    await expect(domain.pseudonymise(ssn)).rejects.toMatchObject({
      code: 'refused',
      problem: { status, code: 'some-reason' },
    })
    expect(calls).toBe(1)
  })

  it('is never followed to another address with the token', async () => {
    const domain = await open({ deadline: 300 }).domain('people_256')
    honest.seen.length = 0
    honest.bend = reply => ({ ...reply, status: 307, headers: { location: `${honest.url}/elsewhere` } })
    await expect(domain.pseudonymise(ssn)).rejects.toMatchObject({ code: 'service-away' })
    expect(honest.seen.every(({ path }) => path !== '/elsewhere')).toBe(true)
  })
})

describe('a request that must not be carried out twice', () => {
  const request = {
    method: 'POST',
    path: '/pseudo/v1/domains/people_256/none',
    body: { inputs: [] },
    once: true,
  } as const

  it.each([500, 503])('is not sent again after %i: its fate is unknown', async status => {
    honest.seen.length = 0
    honest.bend = reply => ({ ...reply, ...refused(status, 'box-away') })
    await expect(open().send(request)).rejects.toMatchObject({
      code: 'fate-unknown',
      problem: { status, code: 'box-away' },
    })
    expect(honest.seen).toHaveLength(1)
  })

  it('is not sent again after a connection that was lost', async () => {
    honest.seen.length = 0
    honest.bend = (_, __, response) => {
      response.destroy()
      return undefined
    }
    await expect(open().send(request)).rejects.toEqual(refuses('fate-unknown'))
    expect(honest.seen).toHaveLength(1)
  })

  it('goes to the next base URL when there was no connection, and again when it was over the quota', async () => {
    const second = await startHonestService(engine, [])
    await second.close()
    honest.seen.length = 0
    honest.bend = reply =>
      honest.seen.length > 1
        ? { ...reply, status: 201 }
        : { ...reply, ...refused(429, 'over-quota'), headers: { 'retry-after': '1' } }
    expect(await open({ url: [second.url, honest.url] }).send(request)).toMatchObject({ status: 201 })
    expect(honest.seen).toHaveLength(2)
  })
})

describe('tokens (§7)', () => {
  it('are plain only with the symbol, and travel over http only with the symbol', async () => {
    const { token, url } = settings
    expect(() => pseudonymService({ url: 'https://pseudonyms.example', token })).toThrow(refuses('insecure'))
    expect(() => pseudonymService({ url, token, [plainBearer]: true })).toThrow(refuses('insecure'))
    for (const bad of ['ftp://pseudonyms.example', 'https://a:b@pseudonyms.example', 'https://pseudonyms.example/?q=1'])
      expect(() => open({ url: bad })).toThrow(refuses('insecure'))
    expect(() => open({ url: [] })).toThrow(refuses('insecure'))
  })

  it('that cannot be had are an error of their own', async () => {
    const token = () => Promise.reject(new Error('no'))
    await expect(open({ token }).domain('people_256')).rejects.toEqual(refuses('no-token'))
  })

  it('are bound to a DPoP key, with a fresh proof a request and the nonce the server asks for (RFC 9449)', async () => {
    const dpop = await generateDpopKeys()
    honest.seen.length = 0
    honest.bend = (reply, { headers }) => {
      const { nonce } = decodeJwt(String(headers.dpop))
      if (nonce === 'n-1') return reply
      return { ...reply, ...refused(401, 'use-dpop-nonce'), headers: { 'dpop-nonce': 'n-1' } }
    }
    const domain = await open({ dpop }).domain('people_256')
    await domain.pseudonymise(ssn)
    expect(honest.seen).toHaveLength(3)
    const proofs = await Promise.all(
      honest.seen.map(async ({ method, path, headers }) => {
        expect(headers.authorization).toBe('DPoP a-token')
        const { payload } = await jwtVerify(String(headers.dpop), EmbeddedJWK, { typ: 'dpop+jwt' })
        expect(payload).toMatchObject({ htm: method, htu: honest.url + path })
        expect(payload.ath).toBe(
          Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from('a-token'))).toString('base64url'),
        )
        return payload.jti
      }),
    )
    expect(new Set(proofs).size).toBe(3)
    expect(JSON.stringify(honest.seen)).not.toContain('"d"')
  })
})
