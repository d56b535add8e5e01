import { compress, curve, curveNames, generator, parseScalar, randomScalar } from '@littlebox/curve'
import { portableEngine } from '@littlebox/curve/portable'
import fc from 'fast-check'
import { CompactEncrypt, compactDecrypt } from 'jose'
import { describe, expect, it } from 'vitest'
import { openAesGcm as openInBrowser, sealAesGcm as sealInBrowser } from './aes-gcm.browser.ts'
import { openAesGcm, sealAesGcm } from './aes-gcm.node.ts'
import { formatTransit, openTransit, parseTransits, sealTransit, splitTransit, transitKeyId } from './transit.ts'

const audience = 'https://api.test.example/pseudo/v1/domains/example_v1'
const scope = { curve: 'P-521', audience } as const
const key = { kid: 'bfd61791-7196-493e-9fd6-25f308092329', secret: crypto.getRandomValues(new Uint8Array(32)) }
const keys = new Map([[key.kid, key.secret]])
const now = 1_790_000_000
const times = { audience, issuedAt: now, expiresAt: now + 600 }
const invalid = expect.objectContaining({ code: 'invalid-transit-info' })
const base64 = (octets: Uint8Array) => Buffer.from(octets).toString('base64')

/** A token as another implementation writes it. */
function foreign(payload: object, header: object = {}): Promise<string> {
  return new CompactEncrypt(new TextEncoder().encode(JSON.stringify(payload)))
    .setProtectedHeader({
      alg: 'dir',
      enc: 'A256GCM',
      kid: key.kid,
      aud: audience,
      iat: now,
      exp: now + 600,
      ...header,
    })
    .encrypt(key.secret)
}

function caught(make: () => unknown): unknown {
  try {
    make()
  } catch (error) {
    return error
  }
  return undefined
}

describe('transit information (§4)', () => {
  it('is a compact JWE that jose opens, with exactly this header and payload', async () => {
    const scalar = randomScalar('P-521')
    const token = sealTransit(key, { ...times, scalar, subject: 'doctor-1' })
    const { plaintext, protectedHeader } = await compactDecrypt(token, key.secret)
    expect(protectedHeader).toEqual({
      alg: 'dir',
      enc: 'A256GCM',
      kid: key.kid,
      aud: audience,
      iat: now,
      exp: now + 600,
    })
    expect(JSON.parse(new TextDecoder().decode(plaintext))).toEqual({
      iat: now,
      exp: now + 600,
      scalar: base64(scalar.bytes),
      sub: 'doctor-1',
    })
  })

  it('carries custom entries, which never replace its own', async () => {
    const scalar = randomScalar('P-521')
    const entries = { headerEntries: { 'x-a': 1, aud: 'other' }, payloadEntries: { note: 'n', scalar: 'other' } }
    const opened = openTransit(scope, keys, sealTransit(key, { ...times, ...entries, scalar }), now)
    expect(opened.header).toMatchObject({ 'x-a': 1, aud: audience })
    expect(opened.payload).toMatchObject({ note: 'n' })
    expect(opened.scalar.bytes).toEqual(scalar.bytes)
  })

  it('opens what it sealed, on each curve, for any scalar, with a fresh nonce each time', () => {
    fc.assert(
      fc.property(fc.constantFrom(...curveNames), fc.option(fc.string()), (name, subject) => {
        const scalar = randomScalar(name)
        const transit = { ...times, scalar, ...(subject === null ? {} : { subject }) }
        const [one, other] = [sealTransit(key, transit), sealTransit(key, transit)]
        expect(one).not.toBe(other)
        const opened = openTransit({ curve: name, audience }, keys, one, now)
        expect(opened).toMatchObject({ kid: key.kid, issuedAt: now, expiresAt: now + 600 })
        expect(opened.scalar).toEqual(scalar)
        expect(opened.subject).toBe(subject ?? undefined)
      }),
    )
  })

  it('reads what jose sealed, also Iat/Exp/Scalar, and a scalar of minimal width or with a sign byte', async () => {
    const small = new Uint8Array(66)
    small[65] = 7
    const scalar = parseScalar('P-521', small)
    for (const payload of [
      { iat: now, exp: now + 600, scalar: base64(small) },
      { Iat: now, Exp: now + 600, Scalar: base64(small) },
      { iat: now, exp: now + 600, scalar: 'Bw==' },
      { iat: now, exp: now + 600, scalar: base64(Uint8Array.of(0, ...small)) },
    ])
      expect(openTransit(scope, keys, await foreign(payload), now).scalar).toEqual(scalar)
  })

  it('allows clocks to be 59 s apart and not 61 s', () => {
    const token = sealTransit(key, { ...times, scalar: randomScalar('P-521') })
    expect(openTransit(scope, keys, token, now - 59).issuedAt).toBe(now)
    expect(openTransit(scope, keys, token, now + 659).issuedAt).toBe(now)
    expect(caught(() => openTransit(scope, keys, token, now - 61))).toEqual(invalid)
    expect(caught(() => openTransit(scope, keys, token, now + 661))).toEqual(invalid)
  })

  it('is refused in one wording for every cause (§13)', async () => {
    const scalar = randomScalar('P-521')
    const token = sealTransit(key, { ...times, scalar })
    const good = { iat: now, exp: now + 600, scalar: base64(scalar.bytes) }
    const { n } = curve('P-521')
    const beyond = Buffer.from(n.toString(16).padStart(132, '0'), 'hex').toString('base64')
    const tampered = token
      .split('.')
      .map((part, i) => (i === 3 ? `${part[0] === 'A' ? 'B' : 'A'}${part.slice(1)}` : part))
    const causes: [string, string][] = [
      ['expired', sealTransit(key, { ...times, expiresAt: now - 61, scalar })],
      ['not yet valid', sealTransit(key, { ...times, issuedAt: now + 61, scalar })],
      ['other audience', sealTransit(key, { ...times, audience: `${audience}2`, scalar })],
      ['unknown kid', sealTransit({ ...key, kid: 'other' }, { ...times, scalar })],
      ['other key', sealTransit({ ...key, secret: new Uint8Array(32) }, { ...times, scalar })],
      ['tampered ciphertext', tampered.join('.')],
      ['tampered header', `${(await foreign(good, { x: 1 })).split('.')[0]}.${token.split('.').slice(1).join('.')}`],
      ['header expired', await foreign(good, { exp: now - 61 })],
      ['scalar 0', await foreign({ ...good, scalar: base64(new Uint8Array(66)) })],
      ['scalar n', await foreign({ ...good, scalar: beyond })],
      ['scalar too long', await foreign({ ...good, scalar: base64(new Uint8Array(68).fill(1)) })],
      ['scalar absent', await foreign({ iat: now, exp: now + 600 })],
      ['times absent', await foreign({ scalar: good.scalar })],
      ['time no integer', await foreign({ ...good, exp: '2999' })],
      ['sub no text', await foreign({ ...good, sub: 7 })],
      ['crit', await foreign(good, { crit: ['b64'], b64: true }).catch(() => 'e30.....')],
      ['payload no object', await foreign([1])],
      ['empty', ''],
      ['four parts', 'a.b.c.d'],
      ['an encrypted key', token.replace('..', '.AAAA.')],
    ]
    const messages = causes.map(([cause, one]) => {
      const error = caught(() => openTransit(scope, keys, one, now))
      expect(error, cause).toEqual(invalid)
      return (error as Error).message
    })
    expect(new Set(messages).size).toBe(1)
  })

  it('tells its key id to whoever has to fetch the key', () => {
    expect(transitKeyId(sealTransit(key, { ...times, scalar: randomScalar('P-521') }))).toBe(key.kid)
    expect(transitKeyId('nonsense')).toBeUndefined()
  })
})

describe('a pseudonym in transit (§4)', () => {
  it('is the point, a colon and the token', () => {
    const token = sealTransit(key, { ...times, scalar: randomScalar('P-521') })
    const text = formatTransit(generator('P-521'), token)
    expect(text.startsWith(`${Buffer.from(generator('P-521').bytes).toString('base64url')}:`)).toBe(true)
    expect(splitTransit('P-521', text).transitInfo).toBe(token)
  })

  it('is read with the point compressed or not; all else is an invalid point', async () => {
    const point = generator('P-256')
    const text = (octets: Uint8Array) => `${Buffer.from(octets).toString('base64url')}:t`
    const off = point.bytes.slice()
    off[64]! ^= 1
    const results = await parseTransits(portableEngine, 'P-256', [
      text(point.bytes),
      text(compress(point)),
      text(off),
      text(Uint8Array.of(0)),
      text(generator('P-521').bytes),
      ':t',
      'no colon',
      `!!!${text(point.bytes)}`,
    ])
    expect(results.slice(0, 2)).toEqual([
      { point, transitInfo: 't' },
      { point, transitInfo: 't' },
    ])
    for (const result of results.slice(2)) expect(result).toMatchObject({ code: 'invalid-point' })
  })
})

describe('AES-256-GCM on both platforms', () => {
  it('gives the same bytes, opened by the other one, and refuses any change', () => {
    const array = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
    fc.assert(
      fc.property(array(32), array(12), fc.uint8Array(), fc.uint8Array(), (secret, nonce, aad, plaintext) => {
        const [node, browser] = [
          sealAesGcm(secret, nonce, aad, plaintext),
          sealInBrowser(secret, nonce, aad, plaintext),
        ]
        expect(Buffer.from(node.ciphertext).equals(browser.ciphertext)).toBe(true)
        expect(Buffer.from(node.tag).equals(browser.tag)).toBe(true)
        expect(Buffer.from(openInBrowser(secret, nonce, aad, node)!).equals(plaintext)).toBe(true)
        expect(Buffer.from(openAesGcm(secret, nonce, aad, browser)!).equals(plaintext)).toBe(true)
        const changed = { ...node, tag: node.tag.map(byte => byte ^ 1) }
        expect(openAesGcm(secret, nonce, aad, changed)).toBeUndefined()
        expect(openInBrowser(secret, nonce, aad, changed)).toBeUndefined()
        expect(openAesGcm(secret, nonce, aad, { ...node, tag: node.tag.subarray(0, 12) })).toBeUndefined()
        expect(openInBrowser(secret, nonce, aad, { ...node, tag: node.tag.subarray(0, 12) })).toBeUndefined()
      }),
    )
  })
})
