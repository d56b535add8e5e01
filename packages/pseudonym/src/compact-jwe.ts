/**
 * Compact JWE with `dir` and `A256GCM` only (RFC 7516 §7.1, RFC 7518 §4.5, §5.3): the one form that pseudonyms in transit
 * and sealed fields use. Synchronous and without options, because tokens are made and opened by the thousand; jose opens
 * what this makes, and the reverse (tests).
 */

import type { Random } from '@littlebox/curve'
import { openAesGcm, sealAesGcm } from '#aes-gcm'
import { fromBase64, fromUtf8, toBase64Url, toUtf8 } from '#base64'

export type JsonObject = Readonly<Record<string, unknown>>

/** `header` is the protected header as it was encoded by `encodeHeader`; the key has 32 bytes. */
export function sealCompact(key: Uint8Array, header: string, plaintext: Uint8Array, random: Random): string {
  const nonce = random(12)
  const { ciphertext, tag } = sealAesGcm(key, nonce, toUtf8(header), plaintext)
  return `${header}..${toBase64Url(nonce)}.${toBase64Url(ciphertext)}.${toBase64Url(tag)}`
}

/** A JWE taken apart: its header is read, and nothing is authentic yet. */
export interface CompactJwe {
  readonly header: JsonObject
  /** The plaintext; undefined with another key, or when anything was changed. */
  readonly open: (key: Uint8Array) => Uint8Array | undefined
}

/** undefined for what is no compact JWE of our one form, or has a `crit` or `zip` header. */
export function readCompact(jwe: string): CompactJwe | undefined {
  const parts = jwe.split('.')
  if (parts.length !== 5 || parts[1] !== '') return undefined
  const encodedHeader = parts[0]!
  const header = decodeHeader(encodedHeader)
  if (header?.alg !== 'dir' || header.enc !== 'A256GCM' || 'crit' in header || 'zip' in header) return undefined
  const nonce = fromBase64(parts[2]!)
  const ciphertext = fromBase64(parts[3]!)
  const tag = fromBase64(parts[4]!)
  if (!nonce || !ciphertext || !tag) return undefined
  return { header, open: key => openAesGcm(key, nonce, toUtf8(encodedHeader), { ciphertext, tag }) }
}

export function encodeHeader(header: JsonObject): string {
  return toBase64Url(toUtf8(JSON.stringify(header)))
}

/** The JSON object in these bytes; undefined for anything else. */
export function parseJsonObject(bytes: Uint8Array | undefined): JsonObject | undefined {
  const text = bytes && fromUtf8(bytes)
  if (text === undefined) return undefined
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? (parsed as JsonObject) : undefined
  } catch {
    return undefined
  }
}

/** Tokens of one second have one header: the last one read is remembered. */
let lastRead: { readonly encoded: string; readonly header: JsonObject } | undefined

function decodeHeader(encoded: string): JsonObject | undefined {
  if (lastRead?.encoded === encoded) return lastRead.header
  const header = parseJsonObject(fromBase64(encoded))
  if (header) lastRead = { encoded, header: Object.freeze(header) }
  return header
}
