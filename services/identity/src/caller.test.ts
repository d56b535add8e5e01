/** The tokens given here, as the services' own verifier reads them. */
import { createHash } from 'node:crypto'
import { callerVerifier } from '@littlebox/kit/caller'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ClientProfile } from './enrolment.ts'
import { type Fixture, fixture, proof, pseudonyms, requestToken } from './fixture.ts'

let at: Fixture

beforeAll(async () => {
  at = await fixture()
})

afterAll(() => at[Symbol.asyncDispose]())

const url = `${pseudonyms}/pseudo/v1/domains/prescriptions_v1`

function verifier(audience: string, plainBearerClients: readonly string[] = []) {
  const { issuer } = at.identity
  return callerVerifier({
    issuer,
    audience,
    jwksUrl: `${issuer}/jwks`,
    publicUrls: () => [pseudonyms],
    plainBearerClients,
  })
}

async function tokenOf(client: ClientProfile, bound: boolean): Promise<string> {
  const { body } = await requestToken(client, bound ? {} : { proof: undefined })
  return String(body.access_token)
}

async function bound(client: ClientProfile, token: string): Promise<Headers> {
  const ath = createHash('sha256').update(token).digest('base64url')
  return new Headers({ authorization: `DPoP ${token}`, dpop: await proof(client, { htu: url, ath }) })
}

test('RFC 9449 §7: a bound token makes a caller with its organisation and roles', async () => {
  const client = await at.enrol({ organisation: 'hospital-7', roles: ['domain-admin'] })
  const headers = await bound(client, await tokenOf(client, true))
  expect(await verifier(pseudonyms).verify({ method: 'POST', url, headers })).toMatchObject({
    clientId: client.clientId,
    subject: client.clientId,
    organisation: 'hospital-7',
    roles: ['domain-admin'],
  })
})

test('RFC 9449 §7.1: a caught token without its key is worth nothing', async () => {
  const [client, thief] = [await at.enrol(), await at.enrol()]
  const headers = await bound(thief, await tokenOf(client, true))
  await expect(verifier(pseudonyms).verify({ method: 'POST', url, headers })).rejects.toMatchObject({
    code: 'unauthenticated',
  })
})

test('RFC 9068 §4: a token for one service is refused by another', async () => {
  const client = await at.enrol()
  const headers = await bound(client, await tokenOf(client, true))
  await expect(verifier('https://other.example').verify({ method: 'POST', url, headers })).rejects.toMatchObject({
    code: 'unauthenticated',
  })
})

test('a plain bearer token makes a caller where its client is named', async () => {
  const client = await at.enrol({ dpop: 'plain-bearer' })
  const headers = new Headers({ authorization: `Bearer ${await tokenOf(client, false)}` })
  const request = { method: 'GET', url, headers }
  expect(await verifier(pseudonyms, [client.clientId]).verify(request)).toMatchObject({ clientId: client.clientId })
  await expect(verifier(pseudonyms).verify(request)).rejects.toMatchObject({ code: 'unauthenticated' })
})
