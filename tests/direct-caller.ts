/**
 * One HTTP request, as the SDK would authorise it and without its second tries: for tests that look at each answer. Every
 * part of the authorisation can be left out or spoilt.
 */
import { readFile } from 'node:fs/promises'
import { allowInsecureHttp, clientCredentials, dpopProof, generateDpopKeys } from '@littlebox/pseudonym'

export interface DirectCaller {
  /** Fresh headers for one request to this path. */
  headers(method: string, path: string): Promise<Record<string, string>>
  get(path: string, at?: string): Promise<Response>
  /** POST of JSON, or of text as it is; to `at`, a replica's address, or to the service's. */
  post(path: string, body: unknown, at?: string): Promise<Response>
}

export interface DirectOptions {
  /** Instead of the service's own: whom the access token is for. */
  readonly resource?: string
}

export async function directCaller(profilePath: string, { resource }: DirectOptions = {}): Promise<DirectCaller> {
  const profile = JSON.parse(await readFile(profilePath, 'utf8'))
  const dpop = await generateDpopKeys()
  const { issuer, clientId, privateKey } = profile
  const audience = resource ?? profile.resource
  const token = clientCredentials({ issuer, clientId, privateKey, resource: audience, dpop, [allowInsecureHttp]: true })
  const [base] = profile.service as [string]
  const caller: DirectCaller = {
    async headers(method, path) {
      const accessToken = await token()
      const proof = await dpopProof(dpop, { method, url: base + path, token: accessToken })
      return { authorization: `DPoP ${accessToken}`, dpop: proof }
    },
    get: async (path, at = base) => fetch(at + path, { headers: await caller.headers('GET', path) }),
    async post(path, body, at = base) {
      const text = typeof body === 'string' ? body : JSON.stringify(body)
      const headers = { ...(await caller.headers('POST', path)), 'content-type': 'application/json' }
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
