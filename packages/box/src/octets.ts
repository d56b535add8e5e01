/** [i]₃₂: an integer as four bytes, most significant first. */
export function uint32(integer: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(integer)
  return bytes
}
