/** Where access tokens come from, and the two exceptions to how they are sent: each a symbol, so that it can be found. */
import { PseudonymError } from './pseudonym-error.ts'

/** Gives a token that is good for a while; asked before every request, so it caches. */
export interface TokenSource {
  (): Promise<string>
  /** The key that the tokens are bound to (RFC 9449). */
  readonly dpop?: CryptoKeyPair
}

/** Sends tokens that anybody who sees them can use. */
export const plainBearer: unique symbol = Symbol('plain bearer tokens')

/** Sends tokens and reads answers without TLS: for tests on one machine. */
export const allowInsecureHttp: unique symbol = Symbol('http without TLS')

/** A base URL without its last slash. PseudonymError `insecure` unless https, or http and the symbol given. */
export function baseUrl(url: string, insecure: boolean): string {
  const { protocol, username, password, search, hash } = new URL(url)
  if (protocol !== 'https:' && !(protocol === 'http:' && insecure))
    throw new PseudonymError('insecure', 'a base URL is https; http needs the symbol allowInsecureHttp')
  if (username || password || search || hash)
    throw new PseudonymError('insecure', 'a base URL has no user, query or fragment')
  return url.replace(/\/+$/, '')
}
