/**
 * A pseudonym in transit (pseudonyms.md §4): `base64url(SEC 1 point) ":" transit information`, where the transit
 * information is a compact JWE that holds the scalar r under a transit key of the domain. The care provider carries both
 * and can open neither; the owner, and the service that made it, can. Whoever holds a transit key can open every token
 * made with it, and the token itself names nobody but its domain and its time.
 */

import {
  type CurveName,
  curve,
  type Engine,
  type Point,
  parseScalar,
  type Random,
  type Scalar,
  systemRandom,
} from '@littlebox/curve'
import { fromBase64, toBase64, toBase64Url, toUtf8 } from '#base64'
import { onSucceeded } from './batch.ts'
import { encodeHeader, type JsonObject, parseJsonObject, readCompact, sealCompact } from './compact-jwe.ts'
import { attempt, PseudonymError } from './pseudonym-error.ts'

/** Seconds since 1970, an integer. */
export type Seconds = number

/** A domain's transit key: AES-256. */
export interface TransitKey {
  readonly kid: string
  /** 32 bytes, never changed in place; the same array for each token is the fast way. */
  readonly secret: Uint8Array
}

/** What a token belongs to. */
export interface TransitScope {
  readonly curve: CurveName
  /** `aud` of the header: the domain's audience. */
  readonly audience: string
}

export interface TransitToSeal {
  readonly scalar: Scalar
  readonly audience: string
  readonly issuedAt: Seconds
  readonly expiresAt: Seconds
  /** Only this subject may identify or convert: `sub` of the payload. */
  readonly subject?: string
  /** Custom entries, beside the ones above. */
  readonly headerEntries?: JsonObject
  readonly payloadEntries?: JsonObject
}

export interface TransitInfo {
  readonly scalar: Scalar
  readonly kid: string
  readonly issuedAt: Seconds
  readonly expiresAt: Seconds
  readonly subject?: string
  /** The whole header and payload, with custom entries. */
  readonly header: JsonObject
  readonly payload: JsonObject
}

/** How far the clocks of two parties may be apart (§4). */
export const clockSkew: Seconds = 60

/**
 * Seals r for the owner: the transit information of one pseudonym. Nonces are random: fewer than 2³² tokens a key, those
 * included that the owner makes itself. The service can't count these: by replacing a key at half of the bound it leaves
 * the owner the other half.
 */
export function sealTransit(key: TransitKey, transit: TransitToSeal, random: Random = systemRandom): string {
  const { scalar, issuedAt: iat, expiresAt: exp, subject, payloadEntries } = transit
  const payload = {
    ...payloadEntries,
    iat,
    exp,
    scalar: toBase64(scalar.bytes),
    ...(subject === undefined ? {} : { sub: subject }),
  }
  return sealCompact(key.secret, headerFor(key, transit), toUtf8(JSON.stringify(payload)), random)
}

/**
 * What the transit information holds, checked: made for this domain with one of these keys, untouched, and in time.
 * PseudonymError `invalid-transit-info`, in one wording for every cause.
 */
export function openTransit(
  scope: TransitScope,
  keys: ReadonlyMap<string, Uint8Array>,
  transitInfo: string,
  now: Seconds,
): TransitInfo {
  const jwe = readCompact(transitInfo)
  const kid = jwe?.header.kid
  const secret = typeof kid === 'string' ? keys.get(kid) : undefined
  if (!jwe || typeof kid !== 'string' || !secret || jwe.header.aud !== scope.audience) throw invalidTransitInfo()
  const payload = parseJsonObject(jwe.open(secret))
  const issuedAt = payload?.iat ?? payload?.Iat
  const expiresAt = payload?.exp ?? payload?.Exp
  const subject = payload?.sub
  const scalar = readScalar(scope.curve, payload?.scalar ?? payload?.Scalar)
  if (!payload || !scalar || !isTime(issuedAt) || !isTime(expiresAt)) throw invalidTransitInfo()
  if (!isInTime(issuedAt, expiresAt, now) || !isHeaderInTime(jwe.header, now)) throw invalidTransitInfo()
  if (subject !== undefined && typeof subject !== 'string') throw invalidTransitInfo()
  const opened = { scalar, kid, issuedAt, expiresAt, header: jwe.header, payload }
  return subject === undefined ? opened : { ...opened, subject }
}

/** The `kid` that the transit information claims, unauthenticated: which key to ask for. */
export function transitKeyId(transitInfo: string): string | undefined {
  const kid = readCompact(transitInfo)?.header.kid
  return typeof kid === 'string' ? kid : undefined
}

/** The text that a care provider hands to a backend. */
export function formatTransit(point: Point, transitInfo: string): string {
  return `${toBase64Url(point.bytes)}:${transitInfo}`
}

export interface TransitParts {
  /** SEC 1, compressed or uncompressed, not yet checked: for `Engine.parse`. */
  readonly encoding: Uint8Array
  readonly transitInfo: string
}

/** The halves of a pseudonym in transit. PseudonymError `invalid-point` when there is no SEC 1 encoding before a colon. */
export function splitTransit(name: CurveName, transit: string): TransitParts {
  const colon = transit.indexOf(':')
  const { width } = curve(name)
  const encoding = colon > 0 && colon <= 4 * width ? fromBase64(transit.slice(0, colon)) : undefined
  if (encoding === undefined || (encoding.length !== 1 + width && encoding.length !== 1 + 2 * width))
    throw notInTransit(name)
  return { encoding, transitInfo: transit.slice(colon + 1) }
}

/** Pseudonyms in transit with their points checked, in order; `invalid-point` for those that are none. */
export async function parseTransits(
  engine: Engine,
  name: CurveName,
  transits: readonly string[],
): Promise<({ readonly point: Point; readonly transitInfo: string } | PseudonymError)[]> {
  const parts = transits.map(transit => attempt(() => splitTransit(name, transit)))
  return onSucceeded(parts, async split => {
    const points = await engine.parse(
      name,
      split.map(({ encoding }) => encoding),
    )
    return points.map((point, i) =>
      point === undefined ? notInTransit(name) : { point, transitInfo: split[i]!.transitInfo },
    )
  })
}

function notInTransit(name: CurveName): PseudonymError {
  return new PseudonymError('invalid-point', `not a pseudonym in transit on ${name}`)
}

function invalidTransitInfo(): PseudonymError {
  return new PseudonymError(
    'invalid-transit-info',
    'the transit information is not valid: out of time, changed, or not made for this domain',
  )
}

/** Tokens of one key and second share a header: the last one made is remembered with its key. */
const lastHeaders = new WeakMap<TransitKey, { aud: string; iat: Seconds; exp: Seconds; encoded: string }>()

function headerFor(key: TransitKey, { audience: aud, issuedAt: iat, expiresAt: exp, ...rest }: TransitToSeal): string {
  const header = { alg: 'dir', enc: 'A256GCM', kid: key.kid, aud, iat, exp }
  if (rest.headerEntries) return encodeHeader({ ...rest.headerEntries, ...header })
  const last = lastHeaders.get(key)
  if (last && last.iat === iat && last.exp === exp && last.aud === aud) return last.encoded
  const encoded = encodeHeader(header)
  lastHeaders.set(key, { aud, iat, exp, encoded })
  return encoded
}

/** Base64 of at most `width` bytes: some writers leave leading zeros out, Java's BigInteger may put one more. */
function readScalar(name: CurveName, text: unknown): Scalar | undefined {
  const bytes = typeof text === 'string' ? fromBase64(text) : undefined
  const { width } = curve(name)
  if (!bytes || bytes.length === 0) return undefined
  const surplus = bytes.length - width
  if (surplus > 1 || (surplus === 1 && bytes[0] !== 0)) return undefined
  const full = new Uint8Array(width)
  full.set(surplus === 1 ? bytes.subarray(1) : bytes, Math.max(0, -surplus))
  const scalar = attempt(() => parseScalar(name, full))
  return scalar instanceof PseudonymError ? undefined : scalar
}

function isTime(value: unknown): value is Seconds {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function isInTime(issuedAt: Seconds, expiresAt: Seconds, now: Seconds): boolean {
  return issuedAt <= now + clockSkew && now - clockSkew < expiresAt
}

/** The header repeats the times; where it does, they hold as well. */
function isHeaderInTime(header: JsonObject, now: Seconds): boolean {
  const { iat = 0, exp = Number.MAX_SAFE_INTEGER } = header
  return isTime(iat) && isTime(exp) && isInTime(iat, exp, now)
}
