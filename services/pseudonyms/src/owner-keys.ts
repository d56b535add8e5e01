/**
 * The owner's public keys, to which transit keys are sealed: JWKS at the addresses of the domain's `jku`. An address comes
 * from an administrator, so what it may reach is bounded: origins on a list, HTTPS, no redirects, a deadline, a size. The
 * keys are RSA of at least 2048 bits with `use: "enc"`, a certificate of the same key and its thumbprint. The chain and
 * validity of the certificate are not checked: whoever serves the address is trusted with it.
 */
import { createHash, createPublicKey, X509Certificate } from 'node:crypto'
import { allowInsecureHttp } from '@littlebox/kit/caller'
import type { Problem } from '@littlebox/kit/problem'
import type { SecretKeyRecipient } from '@littlebox/pseudonym'
import { z } from 'zod'
import { problem } from './problems.ts'

export { allowInsecureHttp }

export interface OwnerKeysOptions {
  /** Such as `https://keys.example`. */
  readonly origins: readonly string[]
  readonly transport?: typeof allowInsecureHttp | undefined
}

/** All keys of all addresses. Problem `invalid-owner-keys` naming the address, never what it answered. */
export async function ownerKeys(jku: readonly string[], options: OwnerKeysOptions): Promise<SecretKeyRecipient[]> {
  const sets = await Promise.all(jku.map(address => keysAt(address, options)))
  return sets.flat()
}

const deadline = 5_000
const largest = 256 * 1024
const leastBits = 2048

const base64url = z.string().regex(/^[\w-]+$/)
const rsaKey = z.looseObject({
  kty: z.literal('RSA'),
  use: z.literal('enc'),
  kid: z.string().min(1).max(256),
  alg: z.literal('RSA-OAEP-256').optional(),
  n: base64url,
  e: base64url,
  x5c: z.array(z.string()).min(1).max(10),
  'x5t#S256': base64url,
})
const jwks = z.looseObject({ keys: z.array(z.looseObject({ use: z.string().optional() })).max(32) })

async function keysAt(address: string, options: OwnerKeysOptions): Promise<SecretKeyRecipient[]> {
  const url = allowed(address, options)
  const body = jwks.safeParse(await fetchJson(url))
  if (!body.success) throw refused(url, 'serves no JWKS')
  const keys = body.data.keys.filter(key => key.use === 'enc')
  if (keys.length === 0) throw refused(url, 'serves no key with use "enc"')
  return keys.map(key => ({ jku: address, ...recipient(url, key) }))
}

function allowed(address: string, { origins, transport }: OwnerKeysOptions): URL {
  const url = new URL(address)
  if (url.username !== '' || url.password !== '' || url.hash !== '')
    throw refused(url, 'has more than an address in it')
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && transport === allowInsecureHttp))
    throw refused(url, 'is not HTTPS')
  if (!origins.includes(url.origin)) throw refused(url, 'is at an origin that the operator does not allow')
  return url
}

async function fetchJson(url: URL): Promise<unknown> {
  try {
    const response = await fetch(url, {
      redirect: 'error',
      signal: AbortSignal.timeout(deadline),
      headers: { accept: 'application/json' },
    })
    if (response.status !== 200) throw new Error(`status ${response.status}`)
    const chunks: Uint8Array[] = []
    let size = 0
    for await (const chunk of response.body ?? []) {
      size += chunk.length
      if (size > largest) throw new RangeError('too large')
      chunks.push(chunk)
    }
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch (cause) {
    throw refused(url, 'gave no answer of JSON, without redirect, within 5 s and 256 KiB', cause)
  }
}

function recipient(url: URL, key: unknown): Pick<SecretKeyRecipient, 'kid' | 'key'> {
  const parsed = rsaKey.safeParse(key)
  if (!parsed.success) throw refused(url, 'has a key that lacks kty RSA, kid, n, e, x5c or x5t#S256')
  const { kid, n, e, x5c, 'x5t#S256': thumbprint } = parsed.data
  const jwk = { kty: 'RSA', n, e }
  try {
    const publicKey = createPublicKey({ key: jwk, format: 'jwk' })
    if ((publicKey.asymmetricKeyDetails?.modulusLength ?? 0) < leastBits)
      throw refused(url, `has an RSA key of less than ${leastBits} bits`)
    const der = Buffer.from(x5c[0]!, 'base64')
    if (!new X509Certificate(der).publicKey.equals(publicKey)) throw refused(url, 'has a certificate of another key')
    if (createHash('sha256').update(der).digest('base64url') !== thumbprint)
      throw refused(url, 'has an x5t#S256 that is not its certificate’s')
  } catch (cause) {
    if (cause instanceof Error && cause.name === 'Problem') throw cause
    throw refused(url, 'has a key or certificate that can’t be read', cause)
  }
  return { kid, key: jwk }
}

function refused(url: URL, why: string, cause?: unknown): Problem {
  return problem('invalid-owner-keys', { detail: `${url.origin}${url.pathname} ${why}.`, cause })
}
