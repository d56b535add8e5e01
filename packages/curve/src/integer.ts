/** Big-endian octet strings to integers and back (RFC 8017 §4: OS2IP and I2OSP), and arithmetic modulo a prime. */

/** The integer that the bytes stand for, most significant byte first. */
export function toInteger(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let integer = 0n
  let at = 0
  for (; at < bytes.length % 8; at++) integer = (integer << 8n) | BigInt(bytes[at]!)
  for (; at < bytes.length; at += 8) integer = (integer << 64n) | view.getBigUint64(at)
  return integer
}

/** The integer as exactly `width` bytes, leading zeros kept. Throws RangeError when it does not fit. */
export function toBytes(integer: bigint, width: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(width)
  const view = new DataView(bytes.buffer)
  let rest = integer
  let at = width
  for (; at >= 8; at -= 8, rest >>= 64n) view.setBigUint64(at - 8, rest & 0xffffffffffffffffn)
  for (; at > 0; at--, rest >>= 8n) bytes[at - 1] = Number(rest & 0xffn)
  if (rest !== 0n) throw new RangeError(`integer does not fit into ${width} bytes`)
  return bytes
}

/** The residue in [0, modulus). */
export function modulo(integer: bigint, modulus: bigint): bigint {
  const rest = integer % modulus
  return rest < 0n ? rest + modulus : rest
}

/** base^exponent mod modulus, by squaring; for public values only: its time depends on the exponent. */
export function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n
  let square = modulo(base, modulus)
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % modulus
    square = (square * square) % modulus
  }
  return result
}

/** Byte strings one after the other. */
export function concatenate(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole
}
