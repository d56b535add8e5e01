import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { calculateJwkThumbprint, createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clientsPath, readClients } from './clients.ts'
import { assertion, type Fixture, fixture, proof, pseudonyms, requestToken } from './fixture.ts'
import { newPrivateJwk } from './signing-key.ts'

let at: Fixture

beforeAll(async () => {
  at = await fixture()
})

afterAll(() => at[Symbol.asyncDispose]())

const now = () => Math.floor(Date.now() / 1000)

describe('an access token (RFC 9068)', () => {
  test('§2: is signed by a key of /jwks, typed at+jwt, for exactly the resource asked for, and short-lived', async () => {
    const client = await at.enrol({ resources: ['https://other.example', pseudonyms] })
    const { status, body } = await requestToken(client)
    expect(status).toBe(200)
    expect(body).toMatchObject({ token_type: 'DPoP', expires_in: 300 })

    const keys = createRemoteJWKSet(new URL(`${at.identity.issuer}/jwks`))
    const { payload, protectedHeader } = await jwtVerify(String(body.access_token), keys, {
      issuer: at.identity.issuer,
      audience: pseudonyms,
      typ: 'at+jwt',
      algorithms: ['ES256'],
      requiredClaims: ['sub', 'client_id', 'iat', 'exp', 'jti'],
    })
    expect(protectedHeader.kid).toBeTypeOf('string')
    expect(payload.aud).toBe(pseudonyms)
    expect(payload.exp! - payload.iat!).toBe(300)
  })

  test('says the client, its organisation and roles, resource_access as Keycloak writes it', async () => {
    const client = await at.enrol({
      organisation: 'hospital-7',
      roles: ['domain-admin'],
      resourceAccess: { 'nihdi-uhmep-api': ['prescriber', 'reader'] },
    })
    const { body } = await requestToken(client)
    expect(decodeJwt(String(body.access_token))).toMatchObject({
      sub: client.clientId,
      client_id: client.clientId,
      organisation: 'hospital-7',
      roles: ['domain-admin'],
      resource_access: { 'nihdi-uhmep-api': { roles: ['prescriber', 'reader'] } },
    })
  })

  test('does not verify by another issuer’s keys', async () => {
    await using elsewhere = await fixture()
    const { body } = await requestToken(await at.enrol())
    const keys = createRemoteJWKSet(new URL(`${elsewhere.identity.issuer}/jwks`))
    await expect(jwtVerify(String(body.access_token), keys)).rejects.toMatchObject({ code: 'ERR_JWKS_NO_MATCHING_KEY' })
  })
})

describe('resource (RFC 8707)', () => {
  test('§2.2: one that the client’s entry doesn’t list is refused', async () => {
    const answer = await requestToken(await at.enrol(), { resources: ['https://other.example'] })
    expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_target' } })
  })

  test('is compared as it is written, not as a prefix or a normalised address', async () => {
    const client = await at.enrol()
    for (const near of [`${pseudonyms}/`, `${pseudonyms}/v1`, pseudonyms.toUpperCase(), pseudonyms.slice(0, -1)]) {
      const answer = await requestToken(client, { resources: [near] })
      expect(answer, near).toMatchObject({ status: 400, body: { error: 'invalid_target' } })
    }
  })

  test('none at all is refused: no token without an audience', async () => {
    const answer = await requestToken(await at.enrol(), { resources: [] })
    expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_target' } })
  })

  test('two at once are refused: no token for two audiences', async () => {
    const client = await at.enrol({ resources: [pseudonyms, 'https://other.example'] })
    const answer = await requestToken(client, { resources: [pseudonyms, 'https://other.example'] })
    expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_target' } })
  })
})

describe('private_key_jwt (RFC 7523 §3)', () => {
  const refused = { status: 401, body: { error: 'invalid_client', error_description: 'client authentication failed' } }

  test('2.: an unknown client is refused as any other failure is', async () => {
    const client = await at.enrol()
    const unknown = { ...client, clientId: 'nobody' }
    expect(await requestToken(unknown)).toEqual(refused)
    expect(at.events.at(-1)).toMatchObject({ msg: 'token refused', code: 'unknown-client' })
    expect(at.events.at(-1)).not.toHaveProperty('caller')
  })

  test('3.: an assertion for another audience, or for several, is refused', async () => {
    const client = await at.enrol()
    for (const aud of ['https://elsewhere.example', [at.identity.issuer, 'https://elsewhere.example'], []]) {
      expect(await requestToken(client, { assertion: await assertion(client, { aud }) }), String(aud)).toEqual(refused)
    }
  })

  test('3.: the token endpoint is an audience too', async () => {
    const client = await at.enrol()
    const answer = await requestToken(client, {
      assertion: await assertion(client, { aud: `${at.identity.issuer}/token` }),
    })
    expect(answer.status).toBe(200)
  })

  test('3.: the audience is this issuer whatever Host and X-Forwarded-Host say', async () => {
    const client = await at.enrol()
    const answer = await requestToken(client, {
      assertion: await assertion(client, { aud: 'http://elsewhere.example/token' }),
      headers: { 'x-forwarded-host': 'elsewhere.example' },
    })
    expect(answer).toEqual(refused)
  })

  test('4.: an expired assertion is refused', async () => {
    const client = await at.enrol()
    const old = await assertion(client, { iat: now() - 120, exp: now() - 60 })
    expect(await requestToken(client, { assertion: old })).toEqual(refused)
    expect(at.events.at(-1)).toMatchObject({ caller: client.clientId, code: 'assertion-expired' })
  })

  test('4.: one that lives longer than it has to be remembered is refused', async () => {
    const client = await at.enrol()
    const long = await assertion(client, { exp: now() + 3600 })
    expect(await requestToken(client, { assertion: long })).toEqual(refused)
  })

  test('7.: an assertion works once', async () => {
    const client = await at.enrol()
    const once = await assertion(client)
    expect((await requestToken(client, { assertion: once })).status).toBe(200)
    expect(await requestToken(client, { assertion: once })).toEqual(refused)
    expect(at.events.at(-1)).toMatchObject({ caller: client.clientId, code: 'assertion-replayed' })
  })

  test('7.: also when it is sent many times at the same moment', async () => {
    const client = await at.enrol()
    const once = await assertion(client)
    const answers = await Promise.all(Array.from({ length: 8 }, () => requestToken(client, { assertion: once })))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  })

  test('9.: a signature by another key is refused', async () => {
    const client = await at.enrol()
    const forged = await assertion(client, {}, await newPrivateJwk())
    expect(await requestToken(client, { assertion: forged })).toEqual(refused)
    expect(at.events.at(-1)).toMatchObject({ code: 'assertion-signature' })
  })

  test('9.: one client’s key does not speak for another', async () => {
    const [client, other] = [await at.enrol(), await at.enrol()]
    expect(await requestToken(client, { assertion: await assertion(client, {}, other.privateJwk) })).toEqual(refused)
  })

  test('nothing but a signed assertion authenticates', async () => {
    const client = await at.enrol()
    const response = await fetch(`${at.identity.issuer}/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        resource: pseudonyms,
        client_id: client.clientId,
        client_secret: 'guess',
      }),
    })
    expect(response.status).toBe(401)
  })
})

describe('DPoP (RFC 9449)', () => {
  test('§6.1: the token names the proof’s key', async () => {
    const client = await at.enrol()
    const { body } = await requestToken(client)
    const jkt = await calculateJwkThumbprint(client.privateJwk)
    expect(decodeJwt(String(body.access_token))).toMatchObject({ cnf: { jkt } })
  })

  test('§5: a client that must bind its tokens gets none without a proof', async () => {
    const client = await at.enrol()
    expect(await requestToken(client, { proof: undefined })).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant' },
    })
    expect(at.events.at(-1)).toMatchObject({ caller: client.clientId, code: 'proof-missing' })
  })

  test('a plain bearer token goes only to a client whose entry says so', async () => {
    const client = await at.enrol({ dpop: 'plain-bearer' })
    const { status, body } = await requestToken(client, { proof: undefined })
    expect({ status, body }).toMatchObject({ status: 200, body: { token_type: 'Bearer' } })
    expect(decodeJwt(String(body.access_token))).not.toHaveProperty('cnf')
  })

  test('§4.3: a proof for another method, address or time is refused', async () => {
    const client = await at.enrol()
    const wrong = { htm: 'GET', htu: 'https://elsewhere.example/token', iat: now() - 3600 }
    for (const [claim, value] of Object.entries(wrong)) {
      const answer = await requestToken(client, { proof: await proof(client, { [claim]: value }) })
      expect(answer, claim).toMatchObject({ status: 400, body: { error: 'invalid_dpop_proof' } })
    }
  })

  test('§11.1: a proof works once, also with a fresh assertion', async () => {
    const client = await at.enrol()
    const once = await proof(client, { jti: randomUUID() })
    expect((await requestToken(client, { proof: once })).status).toBe(200)
    expect(await requestToken(client, { proof: once })).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    expect(at.events.at(-1)).toMatchObject({ caller: client.clientId, code: 'proof-replayed' })
  })
})

describe('the clients file, while the server runs', () => {
  test('a client taken out gets no further token', async () => {
    await using own = await fixture()
    const client = await own.enrol()
    expect((await requestToken(client)).status).toBe(200)
    await writeFile(clientsPath(own.directory), '{"clients":[]}')
    expect((await requestToken(client)).status).toBe(401)
  })

  test('a changed entry counts from the next token on', async () => {
    await using own = await fixture()
    const client = await own.enrol({ dpop: 'plain-bearer', roles: ['before'] })
    await requestToken(client)
    const [entry] = await readClients(own.directory)
    const clients = [{ ...entry, roles: ['after'], dpop: 'required' }]
    await writeFile(clientsPath(own.directory), JSON.stringify({ clients }))
    expect((await requestToken(client, { proof: undefined })).status).toBe(400)
    const { body } = await requestToken(client)
    expect(decodeJwt(String(body.access_token))).toMatchObject({ roles: ['after'] })
  })

  test('one that has become wrong refuses everybody and fails /readyz, until it is mended', async () => {
    await using own = await fixture()
    const client = await own.enrol()
    const [entry] = await readClients(own.directory)
    await writeFile(clientsPath(own.directory), '{"clients":')
    expect(await requestToken(client)).toMatchObject({ status: 500, body: { error: 'server_error' } })
    expect(own.events.at(-1)).toMatchObject({ msg: 'request failed', code: 'clients-invalid' })
    expect((await fetch(`${own.identity.url}/readyz`)).status).toBe(503)

    await writeFile(clientsPath(own.directory), JSON.stringify({ clients: [entry] }))
    expect((await requestToken(client)).status).toBe(200)
    expect((await fetch(`${own.identity.url}/readyz`)).status).toBe(200)
  })
})

test('the log names client and reason, and nothing that was sent or issued', async () => {
  await using own = await fixture()
  const client = await own.enrol()
  const sent = { assertion: await assertion(client), proof: await proof(client) }
  const { body } = await requestToken(client, sent)
  await requestToken(client, sent)
  expect(own.events).toMatchObject([
    { msg: 'token issued', caller: client.clientId, outcome: 'issued' },
    { msg: 'token refused', caller: client.clientId, outcome: 'refused', code: 'assertion-replayed' },
  ])
  const log = JSON.stringify(own.events)
  for (const secret of [sent.assertion, sent.proof, String(body.access_token), client.privateJwk.d]) {
    expect(log).not.toContain(secret)
  }
})
