import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as browser from './base64.browser.ts'
import * as node from './base64.node.ts'

describe.each([
  ['Node', node],
  ['browsers', browser],
])('base64 in %s (RFC 4648)', (_, base64) => {
  it.each([
    ['', ''],
    ['f', 'Zg=='],
    ['fo', 'Zm8='],
    ['foo', 'Zm9v'],
    ['foob', 'Zm9vYg=='],
    ['fooba', 'Zm9vYmE='],
    ['foobar', 'Zm9vYmFy'],
  ])('§10: %j', (plain, encoded) => {
    expect(base64.toBase64(base64.toUtf8(plain))).toBe(encoded)
    expect(base64.fromUtf8(base64.fromBase64(encoded)!)).toBe(plain)
  })

  it('reads back what it wrote, in both alphabets', () => {
    fc.assert(
      fc.property(fc.uint8Array(), bytes => {
        expect([...base64.fromBase64(base64.toBase64(bytes))!]).toEqual([...bytes])
        expect([...base64.fromBase64(base64.toBase64Url(bytes))!]).toEqual([...bytes])
        expect(base64.toBase64Url(bytes)).toMatch(/^[\w-]*$/)
      }),
    )
  })

  it.each(['A', 'AAAAA', 'AA A', 'AAAA\n', 'AA*A', '=', '====', 'AA=A', 'ÄÄÄÄ'])('refuses %j', text => {
    expect(base64.fromBase64(text)).toBeUndefined()
  })

  it('refuses what is not UTF-8, and keeps U+FFFD that was there', () => {
    expect(base64.fromUtf8(Uint8Array.of(0xc3, 0x28))).toBeUndefined()
    expect(base64.fromUtf8(base64.toUtf8('a\ufffdb'))).toBe('a\ufffdb')
  })
})
