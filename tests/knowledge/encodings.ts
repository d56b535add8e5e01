/** The ways in which a value may be written down. Points count as their x: with it, the sign of y tells nothing more. */

export interface Value {
  /** For people: whose, and what. */
  readonly name: string
  readonly bytes: Uint8Array
  /** How people write it: as it is, and in other forms. */
  readonly spellings?: readonly string[]
}

export function textValue(name: string, text: string, ...others: string[]): Value {
  return { name, bytes: Buffer.from(text), spellings: [text, ...others] }
}

export interface Needle {
  readonly text: string
  /** `lower`: among lower-cased text; `base64`: among text with base64url's two characters as base64 has them. */
  readonly among: 'bytes' | 'lower' | 'base64'
}

/**
 * Raw, hex, decimal, base64 and base64url at each of the three alignments (so that it is found within something longer,
 * with padding or without), and as a JSON array of bytes. Leading zero bytes are left out: some writers do.
 */
export function encodingsOf({ name, bytes, spellings = [] }: Value): Needle[] {
  const start = bytes.findIndex(byte => byte !== 0)
  const value = Buffer.from(bytes.subarray(Math.max(0, start)))
  // Anything shorter would be found by chance.
  if (value.length < 8) throw new RangeError(`${name} is too short to search for`)
  const number = BigInt(`0x${value.toString('hex')}`)
  const forms = spellings.map(spelling => Buffer.from(spelling))
  return [
    ...[value, ...forms].map(form => ({ text: form.toString('latin1'), among: 'bytes' }) as const),
    { text: number.toString(10), among: 'bytes' },
    { text: [...value].join(','), among: 'bytes' },
    ...[number.toString(16), ...forms.map(form => form.toString('hex'))].map(
      text => ({ text, among: 'lower' }) as const,
    ),
    ...[value, ...forms].flatMap(form =>
      [0, 1, 2].map(before => ({ text: base64Within(form, before), among: 'base64' }) as const),
    ),
  ]
}

/** The characters of base64 that these bytes alone decide, when as many others stand before them. */
function base64Within(bytes: Uint8Array, before: 0 | 1 | 2 | number): string {
  const text = Buffer.concat([Buffer.alloc(before), bytes])
    .toString('base64')
    .replaceAll('=', '')
  const shared = [0, 2, 3][before]
  return text.slice(shared, (before + bytes.length) % 3 === 0 ? undefined : -1)
}
