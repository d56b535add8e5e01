/**
 * The token issuer's public keys, by jose's remote JWKS, made to outlast the issuer's absence.
 *
 * Keys once fetched stay usable while the issuer is away, for a day; they are fetched anew every ten minutes and for
 * an unknown `kid`. With no usable key the answer is 503 `identity-away`: unknown, not unauthenticated. A failed fetch
 * is not repeated within a second, so that a dead issuer costs us nothing.
 *
 * Does not protect: a key that the issuer withdraws is believed for up to ten minutes, or a day while it is away.
 */

import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from 'jose'
import { commonProblem, type Problem } from './problem.ts'

/** Allows keys to be fetched by plain HTTP from another machine: whoever is between can forge every token. */
export const allowInsecureHttp: unique symbol = Symbol('allowInsecureHttp')

export interface IssuerKeysOptions {
  readonly jwksUrl: string
  readonly transport?: typeof allowInsecureHttp
}

const fetchMs = 3_000
const backOffMs = 1_000
const refreshMs = 10 * 60_000
const usableMs = 24 * 60 * 60_000

/** @throws TypeError for a URL that is neither HTTPS nor on this machine; the function it answers throws Problems */
export function issuerKeys({ jwksUrl, transport }: IssuerKeysOptions): JWTVerifyGetKey {
  const url = new URL(jwksUrl)
  const local = ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname)
  if (url.protocol !== 'https:' && !local && transport !== allowInsecureHttp) {
    throw new TypeError('The keys of an issuer on another machine are fetched by HTTPS.')
  }
  let fetchedAt = Number.NEGATIVE_INFINITY
  let failedAt = Number.NEGATIVE_INFINITY
  const remote = createRemoteJWKSet(url, {
    timeoutDuration: fetchMs,
    cacheMaxAge: Number.POSITIVE_INFINITY,
    [customFetch]: async (address, options) => {
      if (monotonic() - failedAt < backOffMs) throw new Error('The issuer did not answer a moment ago.')
      try {
        const response = await fetch(address, options)
        if (response.status !== 200) throw new Error(`The issuer answered ${response.status}.`)
        fetchedAt = monotonic()
        return response
      } catch (error) {
        failedAt = monotonic()
        throw error
      }
    },
  })
  return async (header, token) => {
    const age = monotonic() - fetchedAt
    if (remote.jwks() !== undefined && age > usableMs) await remote.reload().catch(away)
    // Not awaited: until then the keys we have do, and a failure shows when they are too old.
    else if (age > refreshMs && remote.jwks() !== undefined) remote.reload().catch(() => undefined)
    return remote(header, token).catch((error: unknown) => {
      if (isAboutTheToken(error)) throw error
      return away(error)
    })
  }
}

function isAboutTheToken(error: unknown): boolean {
  return (
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys ||
    error instanceof errors.JOSENotSupported ||
    error instanceof errors.JOSEAlgNotAllowed
  )
}

function away(cause: unknown): never {
  const problem: Problem = commonProblem('identity-away', { cause, headers: { 'retry-after': '5' } })
  throw problem
}

function monotonic(): number {
  return performance.now()
}
