/** The twin of aes-gcm.node.ts for browsers, on noble: synchronous too, so that callers are the same on both platforms. */
import { gcm } from '@noble/ciphers/aes.js'

export interface Sealed {
  readonly ciphertext: Uint8Array
  /** 16 bytes. */
  readonly tag: Uint8Array
}

export function sealAesGcm(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Sealed {
  const sealed = gcm(key, nonce, aad).encrypt(plaintext)
  return { ciphertext: sealed.subarray(0, -16), tag: sealed.subarray(-16) }
}

/** The plaintext; undefined when anything was changed. */
export function openAesGcm(
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  { ciphertext, tag }: Sealed,
): Uint8Array | undefined {
  if (nonce.length !== 12 || tag.length !== 16) return undefined
  const joined = new Uint8Array(ciphertext.length + 16)
  joined.set(ciphertext)
  joined.set(tag, ciphertext.length)
  try {
    return gcm(key, nonce, aad).decrypt(joined)
  } catch {
    return undefined
  }
}
