import { createHash, randomUUID } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type CallerRequest, type CallerVerifier, callerVerifier } from './caller.ts'
import { replayMemory } from './replay-memory.ts'

const issuer = 'https://identity.example'
const audience = 'https://pseudonyms.example'
const publicUrl = 'https://api.example/outside'
const path = '/pseudo/v1/domains/d/pseudonymize'
const url = `${publicUrl}${path}`
const start = 1_800_000_000

interface Pair {
  readonly privateKey: CryptoKey
  readonly jwk: JWK
  readonly thumbprint: string
}

let issuerKey: Pair
let clientKey: Pair
let keyServer: Server
let keyFetches = 0
let jwksUrl: string

async function pair(alg: string): Promise<Pair> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  const jwk = await exportJWK(publicKey)
  return { privateKey, jwk, thumbprint: await calculateJwkThumbprint(jwk) }
}

beforeAll(async () => {
  issuerKey = await pair('ES256')
  clientKey = await pair('ES256')
  keyServer = createServer((_, response) => {
    keyFetches++
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ keys: [{ ...issuerKey.jwk, kid: 'one', alg: 'ES256', use: 'sig' }] }))
  })
  await new Promise<void>(done => keyServer.listen(0, '127.0.0.1', done))
  const { port } = keyServer.address() as AddressInfo
  jwksUrl = `http://127.0.0.1:${port}/jwks`
})
afterAll(() => new Promise(done => keyServer.close(done)))

interface Clock {
  seconds: number
}

function verifier(
  clock: Clock = { seconds: start },
  more: { jwksUrl?: string; skewSeconds?: number } = {},
): CallerVerifier {
  return callerVerifier({
    issuer,
    audience,
    jwksUrl,
    publicUrls: () => ['https://other.example', `${publicUrl}/`],
    plainBearerClients: ['ehealth-client'],
    now: () => clock.seconds * 1000,
    ...more,
  })
}

interface TokenChange {
  readonly claims?: Record<string, unknown>
  readonly header?: { readonly alg?: string; readonly typ?: string; readonly kid?: string }
  readonly key?: CryptoKey
}

async function token({ claims, header, key }: TokenChange = {}): Promise<string> {
  const usual = {
    iss: issuer,
    aud: audience,
    sub: 'practice-1',
    client_id: 'practice-1',
    organisation: 'org-1',
    roles: ['provider'],
    iat: start,
    exp: start + 600,
    cnf: { jkt: clientKey.thumbprint },
  }
  return new SignJWT({ ...usual, ...claims })
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'one', ...header })
    .sign(key ?? issuerKey.privateKey)
}

interface ProofChange {
  readonly claims?: Record<string, unknown>
  readonly header?: Record<string, unknown>
  readonly key?: Pair
  readonly alg?: string
}

async function proof(
  accessToken: string,
  { claims, header, key = clientKey, alg = 'ES256' }: ProofChange = {},
): Promise<string> {
  const ath = createHash('sha256').update(accessToken).digest('base64url')
  return new SignJWT({ jti: randomUUID(), htm: 'POST', htu: url, iat: start, ath, ...claims })
    .setProtectedHeader({ alg, typ: 'dpop+jwt', jwk: key.jwk, ...header })
    .sign(key.privateKey)
}

function request(headers: Record<string, string>, more: Partial<CallerRequest> = {}): CallerRequest {
  return { method: 'POST', url: `http://10.0.0.7:8080${path}?q=1`, headers: new Headers(headers), ...more }
}

async function dpopRequest(change: ProofChange = {}, tokenChange: TokenChange = {}): Promise<CallerRequest> {
  const accessToken = await token(tokenChange)
  return request({ authorization: `DPoP ${accessToken}`, dpop: await proof(accessToken, change) })
}

async function refused(answer: Promise<unknown>, error: string | undefined): Promise<void> {
  const problem = await answer.then(
    () => undefined,
    (caught: unknown) => caught,
  )
  expect(problem).toMatchObject({ code: 'unauthenticated', status: 401 })
  const challenge = (problem as { headers: Record<string, string> }).headers['www-authenticate']
  expect(challenge).toContain('DPoP algs="ES256')
  if (error === undefined) expect(challenge).not.toContain('error=')
  else expect(challenge).toContain(`error="${error}"`)
}

describe('RFC 9068 access tokens', () => {
  test('a caller is who the token says', async () => {
    expect(await verifier().verify(await dpopRequest())).toMatchObject({
      clientId: 'practice-1',
      organisation: 'org-1',
      subject: 'practice-1',
      roles: ['provider'],
      claims: { iss: issuer },
    })
  })

  test('no token: 401 without an error code (RFC 6750 §3.1)', async () => {
    await refused(verifier().verify(request({})), undefined)
  })

  test.each(['Basic abc', 'Bearer', 'DPoP a b', 'Bearer  '])(
    'no token in "%s": invalid_request',
    async authorization => {
      await refused(verifier().verify(request({ authorization })), 'invalid_request')
    },
  )

  test.each<[string, TokenChange]>([
    ['another audience', { claims: { aud: 'https://backend.example' } }],
    ['another audience beside ours', { claims: { aud: [audience, 'https://backend.example'] } }],
    ['another issuer', { claims: { iss: 'https://identity.example/' } }],
    ['no expiry', { claims: { exp: undefined } }],
    ['expired', { claims: { exp: start - 61 } }],
    ['not valid yet', { claims: { nbf: start + 61 } }],
    ['from the future', { claims: { iat: start + 61 } }],
    ['an ID token (RFC 9068 §4: typ)', { header: { typ: 'JWT' } }],
    ['an unknown key', { header: { kid: 'two' } }],
    ['no organisation', { claims: { organisation: undefined } }],
    ['no client', { claims: { client_id: undefined } }],
    ['no subject', { claims: { sub: undefined } }],
    ['roles of another shape', { claims: { roles: 'provider' } }],
  ])('%s: invalid_token', async (_, change) => {
    await refused(verifier().verify(await dpopRequest({}, change)), 'invalid_token')
  })

  test('another’s signature: invalid_token', async () => {
    await refused(verifier().verify(await dpopRequest({}, { key: (await pair('ES256')).privateKey })), 'invalid_token')
  })

  test('clocks may differ by the skew and no more', async () => {
    for (const [exp, good] of [
      [start - 59, true],
      [start - 61, false],
    ] as const) {
      const answer = verifier().verify(await dpopRequest({}, { claims: { exp } }))
      if (good) expect((await answer).clientId).toBe('practice-1')
      else await refused(answer, 'invalid_token')
    }
  })

  test('a token that was verified is still refused once it has expired', async () => {
    const clock = { seconds: start }
    const service = verifier(clock)
    const accessToken = await token({ claims: { exp: start + 100 } })
    const again = async () =>
      request({
        authorization: `DPoP ${accessToken}`,
        dpop: await proof(accessToken, { claims: { iat: clock.seconds } }),
      })
    expect((await service.verify(await again())).clientId).toBe('practice-1')
    clock.seconds = start + 159
    expect((await service.verify(await again())).clientId).toBe('practice-1')
    clock.seconds = start + 161
    await refused(service.verify(await again()), 'invalid_token')
  })

  test('skew is bounded', () => {
    expect(() => verifier(undefined, { skewSeconds: 301 })).toThrow(RangeError)
    expect(() => verifier(undefined, { skewSeconds: -1 })).toThrow(RangeError)
  })
})

describe('RFC 9449 §4.3', () => {
  test.each(['ES256', 'ES384', 'EdDSA'])('a proof by %s', async alg => {
    const key = await pair(alg)
    const claims = { cnf: { jkt: key.thumbprint } }
    expect((await verifier().verify(await dpopRequest({ key, alg }, { claims }))).clientId).toBe('practice-1')
  })

  test.each<[string, ProofChange]>([
    ['4: another type', { header: { typ: 'JWT' } }],
    ['8: another method', { claims: { htm: 'GET' } }],
    ['9: another path', { claims: { htu: `${publicUrl}/pseudo/v1/domains/e/pseudonymize` } }],
    ['9: the address behind the balancer', { claims: { htu: `http://10.0.0.7:8080${path}` } }],
    ['9: no URL', { claims: { htu: path } }],
    ['11: too old', { claims: { iat: start - 61 } }],
    ['11: from the future', { claims: { iat: start + 61 } }],
    ['12: another token’s hash', { claims: { ath: createHash('sha256').update('x').digest('base64url') } }],
    ['12: no hash', { claims: { ath: undefined } }],
    ['3: no jti', { claims: { jti: undefined } }],
  ])('check %s: invalid_dpop_proof', async (_, change) => {
    await refused(verifier().verify(await dpopRequest(change)), 'invalid_dpop_proof')
  })

  test('check 5: an algorithm that is not listed', async () => {
    const key = await pair('PS256')
    const claims = { cnf: { jkt: key.thumbprint } }
    await refused(verifier().verify(await dpopRequest({ key, alg: 'PS256' }, { claims })), 'invalid_dpop_proof')
  })

  test('check 6: a signature by another key than the one in the header', async () => {
    const key = { ...(await pair('ES256')), jwk: clientKey.jwk }
    await refused(verifier().verify(await dpopRequest({ key })), 'invalid_dpop_proof')
  })

  test('check 7: a private key in the header', async () => {
    const key = { ...clientKey, jwk: await exportJWK(clientKey.privateKey) }
    expect(key.jwk.d).toBeDefined()
    await refused(verifier().verify(await dpopRequest({ key })), 'invalid_dpop_proof')
  })

  test('check 9: query and fragment are ignored, either base URL will do', async () => {
    expect((await verifier().verify(await dpopRequest({ claims: { htu: `${url}?a=b#c` } }))).clientId).toBe(
      'practice-1',
    )
    const other = `https://OTHER.example:443${path}`
    expect((await verifier().verify(await dpopRequest({ claims: { htu: other } }))).clientId).toBe('practice-1')
  })

  test.each([-59, 59])('check 11: %i s off is within the skew', async seconds => {
    expect((await verifier().verify(await dpopRequest({ claims: { iat: start + seconds } }))).clientId).toBe(
      'practice-1',
    )
  })

  test('check 12: a proof by a key that the token is not bound to', async () => {
    await refused(verifier().verify(await dpopRequest({ key: await pair('ES256') })), 'invalid_dpop_proof')
  })

  test('§11.1: a proof is good once', async () => {
    const service = verifier()
    const once = await dpopRequest()
    expect((await service.verify(once)).clientId).toBe('practice-1')
    await refused(service.verify(once), 'invalid_dpop_proof')
    expect((await service.verify(await dpopRequest())).clientId).toBe('practice-1')
  })

  test('no proof, two proofs: invalid_dpop_proof', async () => {
    const accessToken = await token()
    const dpop = `${await proof(accessToken)}, ${await proof(accessToken)}`
    await refused(verifier().verify(request({ authorization: `DPoP ${accessToken}` })), 'invalid_dpop_proof')
    await refused(verifier().verify(request({ authorization: `DPoP ${accessToken}`, dpop })), 'invalid_dpop_proof')
  })

  test('§7.1: a token bound to no key is not taken as DPoP', async () => {
    await refused(verifier().verify(await dpopRequest({}, { claims: { cnf: undefined } })), 'invalid_token')
  })
})

describe('plain bearer tokens', () => {
  const plain = (clientId: string) => token({ claims: { client_id: clientId, cnf: undefined } })

  test('from a client that is listed', async () => {
    const accessToken = await plain('ehealth-client')
    const caller = await verifier().verify(request({ authorization: `Bearer ${accessToken}` }))
    expect(caller.clientId).toBe('ehealth-client')
  })

  test('from another client: invalid_token', async () => {
    const accessToken = await plain('practice-1')
    await refused(verifier().verify(request({ authorization: `Bearer ${accessToken}` })), 'invalid_token')
  })

  test('RFC 9449 §7.2: a bound token as Bearer, from a listed client, with its proof: invalid_token', async () => {
    const accessToken = await token({ claims: { client_id: 'ehealth-client' } })
    const headers = { authorization: `Bearer ${accessToken}`, dpop: await proof(accessToken) }
    await refused(verifier().verify(request(headers)), 'invalid_token')
  })
})

describe('the issuer’s keys', () => {
  test('are fetched once', async () => {
    const service = verifier()
    keyFetches = 0
    for (let round = 0; round < 5; round++) await service.verify(await dpopRequest())
    expect(keyFetches).toBe(1)
  })

  test('issuer away and no key: 503 identity-away, not 401', async () => {
    const service = verifier(undefined, { jwksUrl: 'http://127.0.0.1:9/jwks' })
    await expect(service.verify(await dpopRequest())).rejects.toMatchObject({
      code: 'identity-away',
      status: 503,
      headers: { 'retry-after': '5' },
    })
  })

  test('issuer away with its keys known: calls go on', async () => {
    const away = createServer((_, response) =>
      response.end(JSON.stringify({ keys: [{ ...issuerKey.jwk, kid: 'one' }] })),
    )
    await new Promise<void>(done => away.listen(0, '127.0.0.1', done))
    const { port } = away.address() as AddressInfo
    const service = verifier(undefined, { jwksUrl: `http://127.0.0.1:${port}/` })
    await service.verify(await dpopRequest())
    away.closeAllConnections()
    await new Promise(done => away.close(done))
    expect((await service.verify(await dpopRequest())).clientId).toBe('practice-1')
  })

  test('by plain HTTP from another machine: refused', () => {
    expect(() => verifier(undefined, { jwksUrl: 'http://identity.example/jwks' })).toThrow(TypeError)
  })
})

describe('the memory of proofs', () => {
  test('remembers until the proof is too old, then gives the place back', () => {
    const memory = replayMemory(2)
    expect(memory.remember('a', start + 60, start)).toBe('new')
    expect(memory.remember('a', start + 60, start + 60)).toBe('seen')
    expect(memory.remember('b', start + 60, start)).toBe('new')
    expect(memory.remember('c', start + 60, start)).toBe('full')
    expect(memory.remember('c', start + 140, start + 80)).toBe('new')
  })
})
