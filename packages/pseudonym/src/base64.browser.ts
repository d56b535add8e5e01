/** The twin of base64.node.ts for browsers: the same names, contracts and refusals, on the platform's atob and btoa. */

export function toBase64(bytes: Uint8Array): string {
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return btoa(binary)
}

export function toBase64Url(bytes: Uint8Array): string {
  return toBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}

/** The bytes, with padding or without; undefined for what is not base64. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  const match = /^([A-Za-z0-9+/_-]*)(={0,2})$/.exec(text)
  if (!match || match[1]!.length % 4 === 1 || (match[2] !== '' && text.length % 4 !== 0)) return undefined
  const binary = atob(match[1]!.replaceAll('-', '+').replaceAll('_', '/'))
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i)
  return bytes
}

export function toUtf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text)
}

/** The text; undefined for what is not UTF-8. */
export function fromUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}
