/**
 * A pseudonym at rest (pseudonyms.md §9): AES-SIV of x(P) under a key that only the owner has (RFC 5297, deterministic: a
 * unique, indexable column). A stolen database shows nothing without that key, not even to whoever learns k_D. It shows
 * which rows are the same person, as every pseudonym does.
 *
 * Column value: `<key id>.<base64url(SIV ‖ ciphertext)>`. Domain and key id are authenticated, so that a value moved from
 * another domain or under another key's name does not open.
 */

import { type CurveName, curve, type Point, xOf } from '@littlebox/curve'
import { aessiv } from '@noble/ciphers/aes.js'
import { fromBase64, toBase64Url, toUtf8 } from '#base64'
import { PseudonymError } from './pseudonym-error.ts'

export interface AtRestKey {
  /** The key's version, in every column value: letters, digits, `-` and `_`. Never `bare`. */
  readonly id: string
  /** 64 bytes, unwrapped by the owner's box. */
  readonly secret: Uint8Array
}

/** The key to seal with, and those that older columns may still be sealed with. */
export interface AtRestKeys {
  readonly active: AtRestKey
  readonly former?: readonly AtRestKey[]
}

/** Stores x(P) in the clear: whoever learns k_D from a stolen database re-identifies all of it. */
export const bareAtRest: unique symbol = Symbol('pseudonyms at rest unsealed')

/** What a column value is made and opened with, for one domain. */
export interface AtRestSealer {
  readonly seal: (point: Point) => string
  /** x(P), `width` bytes, of a column value. PseudonymError `invalid-at-rest`. */
  readonly open: (column: string) => Uint8Array
}

/** PseudonymError `invalid-at-rest` for keys of another length, and for ids that are unfit or not unique. */
export function atRestSealer(domain: string, name: CurveName, keys: AtRestKeys | typeof bareAtRest): AtRestSealer {
  const { width } = curve(name)
  if (keys === bareAtRest)
    return {
      seal: point => `${bare}.${toBase64Url(xOf(point))}`,
      open: column => payload(column, bare, width),
    }
  const { active, former = [] } = keys
  const all = new Map([active, ...former].map(key => [key.id, checkKey(key).secret]))
  if (all.size !== 1 + former.length)
    throw new PseudonymError('invalid-at-rest', 'two keys at rest have the same id: one would not open its own values')
  const domainBytes = toUtf8(domain)
  // Two components of RFC 5297's vector: no concatenation that could be read in two ways.
  const siv = (id: string, secret: Uint8Array) => aessiv(secret, domainBytes, toUtf8(id))
  return {
    seal: point => `${active.id}.${toBase64Url(siv(active.id, active.secret).encrypt(xOf(point)))}`,
    open(column) {
      const id = column.slice(0, Math.max(0, column.indexOf('.')))
      const secret = all.get(id)
      if (!secret) throw invalid()
      const sealed = payload(column, id, width + sivLength)
      try {
        return siv(id, secret).decrypt(sealed)
      } catch (cause) {
        throw new PseudonymError('invalid-at-rest', invalid().message, { cause })
      }
    },
  }
}

const bare = 'bare'
const sivLength = 16

function checkKey(key: AtRestKey): AtRestKey {
  if (!/^[\w-]{1,64}$/.test(key.id) || key.id === bare || key.secret.length !== 64)
    throw new PseudonymError('invalid-at-rest', 'a key at rest has an id of letters, digits, - and _, and 64 bytes')
  return key
}

/** The bytes after the key id, exactly `length`, in their one spelling: two spellings would be two rows. */
function payload(column: string, id: string, length: number): Uint8Array {
  const text = column.slice(id.length + 1)
  const bytes = column.startsWith(`${id}.`) ? fromBase64(text) : undefined
  if (bytes?.length !== length || toBase64Url(bytes) !== text) throw invalid()
  return bytes
}

function invalid(): PseudonymError {
  return new PseudonymError('invalid-at-rest', 'not a pseudonym at rest of this domain under these keys')
}
