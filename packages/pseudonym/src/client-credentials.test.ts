import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { decodeJwt, decodeProtectedHeader, exportJWK, generateKeyPair, importJWK, jwtVerify } from 'jose'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { type ClientCredentials, clientCredentials } from './client-credentials.ts'
import { generateDpopKeys } from './dpop.ts'
import { allowInsecureHttp } from './token-source.ts'

const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
const key = { ...(await exportJWK(privateKey)), alg: 'ES256', kid: 'c-1' }
const dpop = await generateDpopKeys()

/** An issuer that checks what RFC 7523 and RFC 9449 have it check, and asks for a nonce first. */
interface Seen {
  readonly form: URLSearchParams
  readonly headers: IncomingMessage['headers']
}
let seen: Seen[] = []
let discoveries = 0
let token: Record<string, unknown> = {}
let document: Record<string, unknown> = {}
let wantsNonce = true

const server = createServer(async (request, response) => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const answer = (status: number, body: object, headers = {}) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
  }
  if (request.method === 'GET') {
    discoveries++
    return answer(200, document)
  }
  seen.push({ form: new URLSearchParams(Buffer.concat(chunks).toString()), headers: request.headers })
  const proof = request.headers.dpop
  if (wantsNonce && proof && decodeJwt(String(proof)).nonce !== 'n')
    return answer(400, { error: 'use_dpop_nonce' }, { 'dpop-nonce': 'n' })
  return answer(token.error ? 400 : 200, token)
})
await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
afterAll(() => {
  server.close()
  server.closeAllConnections()
})

beforeEach(() => {
  seen = []
  discoveries = 0
  wantsNonce = true
  token = { access_token: 'secret-token', token_type: 'DPoP', expires_in: 300 }
  document = { issuer, token_endpoint: `${issuer}/token` }
})

const client: ClientCredentials = {
  issuer,
  clientId: 'practice-1',
  privateKey: key,
  resource: 'https://pseudonyms.example',
  dpop,
  [allowInsecureHttp]: true,
}
const noToken = expect.objectContaining({ name: 'PseudonymError', code: 'no-token' })

describe('client credentials', () => {
  it('are sent as RFC 7523, RFC 8707 and RFC 9449 have them, with the nonce asked for', async () => {
    const source = clientCredentials(client)
    expect(await source()).toBe('secret-token')
    expect(source.dpop).toBe(dpop)
    expect(seen).toHaveLength(2)
    const { form, headers } = seen[1]!
    expect(Object.fromEntries(form)).toMatchObject({
      grant_type: 'client_credentials',
      client_id: 'practice-1',
      resource: 'https://pseudonyms.example',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    })
    const assertion = form.get('client_assertion')!
    const { payload } = await jwtVerify(assertion, publicKey, {
      audience: issuer,
      issuer: 'practice-1',
      maxTokenAge: 60,
    })
    expect(payload).toMatchObject({ sub: 'practice-1', jti: expect.any(String) })
    expect(payload.exp! - payload.iat!).toBe(60)
    expect(decodeProtectedHeader(assertion)).toEqual({ alg: 'ES256', kid: 'c-1' })
    const { jwk } = decodeProtectedHeader(String(headers.dpop))
    const proof = await jwtVerify(String(headers.dpop), await importJWK(jwk!, 'ES256'), { typ: 'dpop+jwt' })
    expect(proof.payload).toMatchObject({ htm: 'POST', htu: `${issuer}/token`, nonce: 'n' })
    expect(proof.payload).not.toHaveProperty('ath')
    expect(seen[0]!.form.get('client_assertion')).not.toBe(assertion)
  })

  it('are used once for all who wait, and again only shortly before the token expires', async () => {
    const source = clientCredentials(client)
    wantsNonce = false
    expect(await Promise.all([source(), source(), source()])).toEqual(Array(3).fill('secret-token'))
    await source()
    expect({ discoveries, tokens: seen.length }).toEqual({ discoveries: 1, tokens: 1 })
    token = { ...token, expires_in: 30 }
    const short = clientCredentials(client)
    await short()
    await short()
    expect(seen).toHaveLength(3)
  })

  it('are tried anew after a failure', async () => {
    const source = clientCredentials(client)
    token = { error: 'invalid_client' }
    await expect(source()).rejects.toEqual(noToken)
    token = { access_token: 'secret-token', token_type: 'DPoP', expires_in: 300 }
    expect(await source()).toBe('secret-token')
  })

  it('refuse a bearer token where a bound one was asked for, and the reverse', async () => {
    token = { ...token, token_type: 'Bearer' }
    await expect(clientCredentials(client)()).rejects.toEqual(noToken)
    const { dpop: _, ...plain } = client
    expect(await clientCredentials(plain)()).toBe('secret-token')
    expect(clientCredentials(plain).dpop).toBeUndefined()
    token = { ...token, token_type: 'DPoP' }
    await expect(clientCredentials(plain)()).rejects.toEqual(noToken)
  })

  it('refuse a discovery document of another issuer, and http without the symbol', async () => {
    document = { ...document, issuer: 'https://other.example' }
    await expect(clientCredentials(client)()).rejects.toEqual(noToken)
    const { [allowInsecureHttp]: _, ...strict } = client
    expect(() => clientCredentials(strict)).toThrow(expect.objectContaining({ code: 'insecure' }))
  })

  it('fail without repeating a secret when the issuer is away', async () => {
    const away = clientCredentials({ ...client, issuer: 'http://127.0.0.1:1' })
    const error = (await away().catch((error: unknown) => error)) as Error
    expect(error).toEqual(noToken)
    expect(`${error.stack}${JSON.stringify(error)}`).not.toContain(key.d)
  })
})
