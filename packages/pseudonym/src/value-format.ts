/**
 * What values a domain takes (pseudonyms.md §2), and their one form as bytes: two spellings of one person must give one
 * pseudonym, and a typing error must be refused here, because nobody after this sees the value.
 */
import { fromUtf8, toUtf8 } from '#base64'
import { parseNationalNumber } from './national-number.ts'
import { PseudonymError } from './pseudonym-error.ts'

/** `bytes` as they are; `text` in Unicode NFC; `be-nrn`, a Belgian national register number. */
export type ValueFormat = 'bytes' | 'text' | 'be-nrn'

export const valueFormats: readonly ValueFormat[] = ['bytes', 'text', 'be-nrn']

/** Text for `text` and `be-nrn`, bytes for `bytes`. */
export type Value = string | Uint8Array

/** The bytes that are pseudonymised. PseudonymError `invalid-value`. */
export function valueToBytes(format: ValueFormat, value: Value): Uint8Array {
  if (format === 'bytes') {
    if (typeof value === 'string') throw new PseudonymError('invalid-value', 'this domain takes bytes, not text')
    return value
  }
  if (typeof value !== 'string') throw new PseudonymError('invalid-value', 'this domain takes text, not bytes')
  if (format === 'text') {
    if (!value.isWellFormed()) throw new PseudonymError('invalid-value', 'not well-formed Unicode')
    return toUtf8(value.normalize('NFC'))
  }
  const digits = parseNationalNumber(value)
  if (digits === undefined)
    throw new PseudonymError('invalid-value', 'not a national register number: eleven digits with right check digits')
  return toUtf8(digits)
}

/** The value that these bytes stand for. PseudonymError `not-a-value` when `valueToBytes` would never give them. */
export function valueFromBytes(format: ValueFormat, bytes: Uint8Array): Value {
  if (format === 'bytes') return bytes
  const text = fromUtf8(bytes)
  const isOwnForm =
    text !== undefined && (format === 'text' ? text.normalize('NFC') : parseNationalNumber(text)) === text
  if (!isOwnForm) throw new PseudonymError('not-a-value', `not a value of the format ${format}`)
  return text
}
