/**
 * Base64 with padding and base64url without (RFC 4648 §4, §5), on Node's Buffer. Readers take either alphabet and refuse
 * any other character: Buffer skips those, so the length tells.
 */

export function toBase64(bytes: Uint8Array): string {
  return view(bytes).toString('base64')
}

export function toBase64Url(bytes: Uint8Array): string {
  return view(bytes).toString('base64url')
}

/** The bytes, with padding or without; undefined for what is not base64. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  const bytes = Buffer.from(text, 'base64')
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  if (padding > 0 && text.length % 4 !== 0) return undefined
  const characters = text.length - padding
  if (characters % 4 === 1 || bytes.length !== Math.floor((characters * 3) / 4)) return undefined
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}

export function toUtf8(text: string): Uint8Array<ArrayBuffer> {
  const bytes = Buffer.from(text, 'utf8')
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** The text; undefined for what is not UTF-8. */
export function fromUtf8(bytes: Uint8Array): string | undefined {
  const text = view(bytes).toString('utf8')
  return text.includes('\ufffd') && !view(bytes).equals(Buffer.from(text, 'utf8')) ? undefined : text
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}
