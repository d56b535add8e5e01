/** Key derivation from a secret key: NIST SP 800-108r1 §4.1, KDF in counter mode with HMAC-SHA-256. */
import { createHmac, type KeyObject } from 'node:crypto'
import { BoxError } from './box-error.ts'
import { uint32 } from './octets.ts'

const maxDerivedBytes = 1024

/**
 * K(1) ‖ K(2) ‖ … cut to `length` bytes, K(i) = HMAC(key, [i] ‖ label ‖ 00 ‖ context ‖ [8·length]), counters of 32 bits.
 * BoxError `bad-input` for a label that is empty or not printable ASCII, or a length outside 1…1,024.
 */
export function deriveBytes(key: KeyObject, label: string, context: Uint8Array, length: number): Uint8Array {
  if (!/^[\x20-\x7e]{1,255}$/.test(label)) throw new BoxError('bad-input', 'a label has 1 to 255 ASCII characters')
  if (!Number.isInteger(length) || length < 1 || length > maxDerivedBytes)
    throw new BoxError('bad-input', `between 1 and ${maxDerivedBytes} bytes can be derived`)
  const derived = new Uint8Array(length)
  for (let i = 1, at = 0; at < length; i++, at += 32) {
    const block = createHmac('sha256', key)
      .update(uint32(i))
      .update(label, 'ascii')
      .update(Uint8Array.of(0))
      .update(context)
      .update(uint32(8 * length))
      .digest()
    derived.set(block.subarray(0, length - at), at)
    block.fill(0)
  }
  return derived
}
