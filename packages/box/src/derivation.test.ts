import { createSecretKey } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { deriveBytes } from './derivation.ts'

const key = createSecretKey(Uint8Array.from({ length: 32 }, (_, i) => i))

describe('NIST SP 800-108r1 §4.1, KDF in counter mode with HMAC-SHA-256', () => {
  // openssl kdf -kdfopt mac:HMAC -kdfopt digest:SHA256 -kdfopt salt:{label} -kdfopt info:{context} KBKDF (OpenSSL 3.0)
  it.each([
    [
      'at-rest',
      'prescriptions_v1',
      '17846f8dd939d2144c37d59dd710787e3753a86e57354664dc653c11a95b81f1618e0b1613372cdb8cceee15cb74b8ca1eced53ca314e614e6e100e89e48b5385f55f7a7bc414be8',
    ],
    ['x', '', 'c4e589147180041521a2b7a51b9e260e'],
  ])('label %s, context %s', (label, context, expected) => {
    const derived = deriveBytes(key, label, Buffer.from(context), expected.length / 2)
    expect(Buffer.from(derived).toString('hex')).toBe(expected)
  })

  it.each([0, -1, 1.5, 1025, Number.NaN])('refuses %d bytes: bad-input', length => {
    expect(() => deriveBytes(key, 'x', new Uint8Array(), length)).toThrow(
      expect.objectContaining({ code: 'bad-input' }),
    )
  })

  it.each(['', 'é', 'a\0b', 'x'.repeat(256)])('refuses the label %j: bad-input', label => {
    expect(() => deriveBytes(key, label, new Uint8Array(), 32)).toThrow(expect.objectContaining({ code: 'bad-input' }))
  })
})
