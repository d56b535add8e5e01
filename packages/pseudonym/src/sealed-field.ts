/**
 * Sealed fields (pseudonyms.md §8): what the backend stores and need not see. The key comes from a seed that only care
 * providers ever hold; the backend stores the seed's pseudonym. The protected header names domain, record and field, and
 * the plaintext begins with the identifier: a field moved to another record, field or patient is refused. The backend
 * still sees the field's length, and that it is there.
 */

import { type CurveName, maxValueLength, type Random, systemRandom } from '@littlebox/curve'
import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { toUtf8 } from '#base64'
import { encodeHeader, parseJsonObject, readCompact, sealCompact } from './compact-jwe.ts'
import { PseudonymError } from './pseudonym-error.ts'

/** Where a sealed field stands. */
export interface FieldPlace {
  /** The domain of the patient's pseudonym. */
  readonly domain: string
  readonly record: string
  readonly field: string
}

/** 32 random bytes; 16 where the curve's values hold no 32 (P-256). */
export function newSeed(name: CurveName, bufferSize: number, random: Random = systemRandom): Uint8Array {
  return random(maxValueLength(name, bufferSize) >= 32 ? 32 : 16)
}

/** A compact JWE of any JSON value. `identifier`: the patient's value, as bytes in the domain's format. */
export function sealField(
  seed: Uint8Array,
  place: FieldPlace,
  identifier: Uint8Array,
  value: unknown,
  random: Random = systemRandom,
): string {
  const { domain, record, field } = place
  const header = encodeHeader({ alg: 'dir', enc: 'A256GCM', domain, record, field })
  const json = toUtf8(JSON.stringify({ value }))
  const plaintext = new Uint8Array(2 + identifier.length + json.length)
  new DataView(plaintext.buffer).setUint16(0, identifier.length)
  plaintext.set(identifier, 2)
  plaintext.set(json, 2 + identifier.length)
  return sealCompact(fieldKey(seed, place), header, plaintext, random)
}

/** The JSON value. PseudonymError `invalid-sealed-field` unless it was sealed for this very place and patient. */
export function openField(seed: Uint8Array, place: FieldPlace, identifier: Uint8Array, sealed: string): unknown {
  const jwe = readCompact(sealed)
  const { domain, record, field } = jwe?.header ?? {}
  if (!jwe || domain !== place.domain || record !== place.record || field !== place.field) throw invalid()
  const plaintext = jwe.open(fieldKey(seed, place))
  if (!plaintext || plaintext.length < 2 + identifier.length) throw invalid()
  const length = (plaintext[0]! << 8) | plaintext[1]!
  const begins = identifier.every((byte, i) => plaintext[2 + i] === byte)
  const json = parseJsonObject(plaintext.subarray(2 + length))
  if (length !== identifier.length || !begins || !json) throw invalid()
  return json.value
}

/** RFC 5869; the info is JSON, so that no two places give the same. */
function fieldKey(seed: Uint8Array, { domain, record, field }: FieldPlace): Uint8Array {
  const info = toUtf8(JSON.stringify(['littlebox sealed field v1', domain, record, field]))
  return hkdf(sha256, seed, undefined, info, 32)
}

function invalid(): PseudonymError {
  return new PseudonymError(
    'invalid-sealed-field',
    'the sealed field does not belong to this record, field and patient',
  )
}
