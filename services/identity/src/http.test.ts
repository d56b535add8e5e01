import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Fixture, fixture, requestToken } from './fixture.ts'

let at: Fixture

beforeAll(async () => {
  at = await fixture()
})

afterAll(() => at[Symbol.asyncDispose]())

test('every answer says that this is a stand-in', async () => {
  for (const path of ['/', '/livez', '/readyz', '/jwks', '/.well-known/openid-configuration', '/nowhere']) {
    const response = await fetch(at.identity.url + path)
    expect(response.headers.get('x-littlebox-stand-in'), path).toContain('STAND-IN')
  }
})

test('the page and the configuration say it to readers too', async () => {
  expect(await (await fetch(`${at.identity.url}/`)).text()).toContain('STAND-IN')
  const document = await (await fetch(`${at.identity.url}/.well-known/openid-configuration`)).json()
  expect(document.littlebox_stand_in).toContain('STAND-IN')
})

test('/livez and /readyz answer', async () => {
  expect(await (await fetch(`${at.identity.url}/livez`)).json()).toEqual({ status: 'ok' })
  expect(await (await fetch(`${at.identity.url}/readyz`)).json()).toEqual({ status: 'ok', checks: { clients: true } })
})

test('RFC 8414: both documents offer client_credentials with private_key_jwt and DPoP, and no sign-in', async () => {
  for (const name of ['openid-configuration', 'oauth-authorization-server']) {
    const { issuer } = at.identity
    const document = await (await fetch(`${issuer}/.well-known/${name}`)).json()
    expect(document).toMatchObject({
      issuer,
      token_endpoint: `${issuer}/token`,
      jwks_uri: `${issuer}/jwks`,
      grant_types_supported: ['client_credentials'],
      response_types_supported: [],
      token_endpoint_auth_methods_supported: ['private_key_jwt'],
      token_endpoint_auth_signing_alg_values_supported: ['ES256'],
      dpop_signing_alg_values_supported: ['ES256'],
    })
    const endpoints = Object.keys(document).filter(key => key.endsWith('_endpoint'))
    expect(endpoints).toEqual(['token_endpoint'])
  }
})

test('the documents name the issuer’s addresses whatever Host says', async () => {
  const response = await fetch(`${at.identity.url}/.well-known/openid-configuration`, {
    headers: { 'x-forwarded-host': 'elsewhere.example', 'x-forwarded-proto': 'https' },
  })
  expect(await response.text()).not.toContain('elsewhere')
})

test('/jwks holds the public half only', async () => {
  const { keys } = await (await fetch(`${at.identity.url}/jwks`)).json()
  expect(keys).toHaveLength(1)
  expect(keys[0]).not.toHaveProperty('d')
})

test('everything that is not needed is closed: sign-in, registration, introspection, sessions', async () => {
  const closed = [
    '/auth',
    '/auth/1',
    '/reg',
    '/token/introspection',
    '/token/revocation',
    '/session/end/confirm',
    '/me',
  ]
  for (const path of [...closed, '/interaction/1', '/request', '/device', '/toString']) {
    for (const method of ['GET', 'POST']) {
      const response = await fetch(at.identity.url + path, { method })
      expect(response.status, `${method} ${path}`).toBe(404)
      expect(response.headers.get('content-type')).toBe('application/problem+json')
    }
  }
})

test('other grants are refused, also to a client that is enrolled', async () => {
  const client = await at.enrol()
  for (const grant_type of ['password', 'authorization_code', 'refresh_token', 'implicit']) {
    const answer = await requestToken(client, { form: { grant_type } })
    expect(answer, grant_type).toMatchObject({ status: 400, body: { error: 'unsupported_grant_type' } })
  }
})

test('a body of 1 MB is refused, whatever else it says', async () => {
  const answer = await requestToken(await at.enrol(), { form: { padding: 'x'.repeat(1_000_000) } })
  expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
})

test('the health pages are read only', async () => {
  const response = await fetch(`${at.identity.url}/livez`, { method: 'POST' })
  expect(response.status).toBe(405)
  expect(response.headers.get('allow')).toBe('GET, HEAD')
})
