/**
 * One HTTP request, as the SDK would authorise it and without its second tries: for tests that look at each answer. The
 * claims of token and proof can be changed before they are signed, as an issuer or a client with another clock, another
 * audience or bad intent would write them.
 */
import { createHash, randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { allowInsecureHttp, clientCredentials } from '@littlebox/pseudonym'
import { calculateJwkThumbprint, decodeJwt, exportJWK, generateKeyPair, importJWK, SignJWT } from 'jose'

type Claims = Readonly<Record<string, unknown>>

export interface Changes {
  /** Claims of the access token. */
  readonly token?: Claims
  /** Claims of the DPoP proof. */
  readonly proof?: Claims
}

export interface DirectCaller {
  /** Fresh headers for one request to this path. */
  headers(method: string, path: string, changes?: Changes): Promise<Record<string, string>>
  /** To `at`, a replica's address, or to the service's. */
  get(path: string, at?: string): Promise<Response>
  /** JSON, or text as it is. */
  post(path: string, body: unknown, at?: string, changes?: Changes): Promise<Response>
}

/** `directory`: of the stack, whose issuer's key signs changed tokens. */
export async function directCaller(profilePath: string, directory?: string): Promise<DirectCaller> {
  const profile = JSON.parse(await readFile(profilePath, 'utf8'))
  const { issuer, clientId, privateKey, resource } = profile
  const dpop = await generateKeyPair('ES256', { extractable: true })
  const jwk = await exportJWK(dpop.publicKey)
  const genuine = clientCredentials({ issuer, clientId, privateKey, resource, dpop, [allowInsecureHttp]: true })
  const [base] = profile.service as [string]

  async function reissued(changes: Claims): Promise<string> {
    if (directory === undefined) throw new TypeError("the stack's directory is needed to change a token")
    const key = JSON.parse(await readFile(join(directory, 'identity', 'signing-key.json'), 'utf8'))
    return new SignJWT({ ...decodeJwt(await genuine()), cnf: { jkt: await calculateJwkThumbprint(jwk) }, ...changes })
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: key.kid })
      .sign(await importJWK(key, 'ES256'))
  }

  const caller: DirectCaller = {
    async headers(method, path, { token, proof } = {}) {
      const accessToken = token ? await reissued(token) : await genuine()
      const ath = createHash('sha256').update(accessToken).digest('base64url')
      const claims = { htm: method, htu: base + path, ath, jti: randomUUID(), iat: Date.now() / 1000, ...proof }
      const signed = await new SignJWT(claims)
        .setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk })
        .sign(dpop.privateKey)
      return { authorization: `DPoP ${accessToken}`, dpop: signed }
    },
    get: async (path, at = base) => fetch(at + path, { headers: await caller.headers('GET', path) }),
    async post(path, body, at = base, changes = {}) {
      const text = typeof body === 'string' ? body : JSON.stringify(body)
      const headers = { ...(await caller.headers('POST', path, changes)), 'content-type': 'application/json' }
      return fetch(at + path, { method: 'POST', headers, body: text })
    },
  }
  return caller
}

/** The end of a problem's type. */
export async function problemCode(response: Response): Promise<string> {
  const { type } = (await response.json()) as { type: string }
  return type.replace('urn:problem-type:littlebox:', '')
}
