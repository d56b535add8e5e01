import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { type GeneralJWE, generalDecrypt, importJWK, type JWK } from 'jose'
import { describe, expect, it } from 'vitest'
import { type DomainDocument, parseDomain, parseDuration } from './domain.ts'
import { openSecretKeys, sealSecretKey } from './secret-keys.ts'

const jwk = (key: KeyObject) => key.export({ format: 'jwk' }) as JWK
const [owner, other] = [1, 2].map(() => generateKeyPairSync('rsa', { modulusLength: 2048 }))
const recipient = { kid: 'owner-1', jku: 'https://owner.example/jwks', key: jwk(owner!.publicKey) }
const transitKey = { kid: 'transit-1', secret: crypto.getRandomValues(new Uint8Array(32)) }
const invalid = expect.objectContaining({ code: 'invalid-domain' })
const noKey = expect.objectContaining({ code: 'no-transit-key' })

const plain: DomainDocument = {
  domain: 'example_v1',
  desc: '',
  crv: 'P-521',
  audience: 'https://api.test.example/pseudo/v1/domains/example_v1',
  bufferSize: 8,
  timeToLiveInTransit: 'PT10M',
  jku: [],
  secretKeys: [],
}

describe('the domain document (§5)', () => {
  it("is read; without our member it is eHealth's own", () => {
    expect(parseDomain({ ...plain, unknown: 1 })).toEqual({
      name: 'example_v1',
      description: '',
      curve: 'P-521',
      audience: plain.audience,
      bufferSize: 8,
      timeToLiveInTransit: 600,
      encoding: 'reversible',
      valueFormat: 'bytes',
      back: true,
      evaluate: false,
      secretKeys: [],
    })
    const littlebox = { encoding: 'hashed', valueFormat: 'text', back: false, evaluate: true }
    expect(parseDomain({ ...plain, littlebox })).toMatchObject(littlebox)
  })

  it.each([
    null,
    [],
    { ...plain, domain: '../other' },
    { ...plain, crv: 'P-224' },
    { ...plain, bufferSize: 66 },
    { ...plain, bufferSize: 0 },
    { ...plain, bufferSize: '8' },
    { ...plain, timeToLiveInTransit: 'PT0S' },
    { ...plain, audience: undefined },
    { ...plain, secretKeys: undefined },
    { ...plain, secretKeys: [{ kid: 'a', active: true, encoded: { aad: 'x' } }] },
    { ...plain, littlebox: { encoding: 'reversible' } },
    { ...plain, littlebox: { encoding: 'hashed', valueFormat: 'text', back: false, evaluate: true, publicKey: 'AA' } },
  ])('is refused when it does not fit: %#', document => {
    expect(() => parseDomain(document)).toThrow(invalid)
  })

  it.each([
    ['PT10M', 600],
    ['P1D', 86_400],
    ['PT1H30M5S', 5_405],
    ['P2DT3S', 172_803],
  ])('%s is %i seconds', (duration, seconds) => expect(parseDuration(duration)).toBe(seconds))

  it.each(['', 'P', 'PT', 'P1DT', '10M', 'PT10', 'P1Y', 'PT-1S', 'PT1.5S'])('%j is no duration', duration => {
    expect(() => parseDuration(duration)).toThrow(invalid)
  })
})

describe('transit keys for owners (§5)', () => {
  it('are JWEs that jose opens, of exactly this form', async () => {
    const sealed = await sealSecretKey(transitKey, true, [recipient])
    expect(sealed).toMatchObject({ kid: 'transit-1', active: true })
    expect(Object.keys(sealed.encoded).sort()).toEqual(['ciphertext', 'iv', 'protected', 'recipients', 'tag'])
    expect(JSON.parse(Buffer.from(sealed.encoded.protected, 'base64url').toString())).toEqual({ enc: 'A256GCM' })
    const { kid, jku } = recipient
    expect(sealed.encoded.recipients.map(({ header }) => header)).toEqual([{ alg: 'RSA-OAEP-256', jku, kid }])
    const key = await importJWK(jwk(owner!.privateKey), 'RSA-OAEP-256')
    const { plaintext } = await generalDecrypt(sealed.encoded as unknown as GeneralJWE, key)
    const k = Buffer.from(transitKey.secret).toString('base64url')
    expect(JSON.parse(new TextDecoder().decode(plaintext))).toEqual({ kty: 'oct', k, alg: 'A256GCM' })
  })

  it('open with one recipient or several, with an empty aad or none', async () => {
    const second = { ...recipient, kid: 'other-1', key: jwk(other!.publicKey) }
    const former = { kid: 'transit-0', secret: new Uint8Array(32).fill(7) }
    const secretKeys = [
      await sealSecretKey(former, false, [recipient]),
      await sealSecretKey(transitKey, true, [second, recipient]),
    ].map(sealed => ({ ...sealed, encoded: { ...sealed.encoded, aad: '' } }))
    for (const [kid, key] of [
      ['owner-1', owner],
      ['other-1', other],
    ] as const) {
      const opened = await openSecretKeys(parseDomain({ ...plain, secretKeys }), [{ kid, key: jwk(key!.privateKey) }])
      expect(opened.active).toEqual(transitKey)
      expect([...opened.secrets.keys()]).toEqual(kid === 'owner-1' ? ['transit-0', 'transit-1'] : ['transit-1'])
    }
  })

  it('do not open with another key, under another kid, or when changed', async () => {
    const sealed = await sealSecretKey(transitKey, true, [recipient])
    const open = (document: object, kid: string, key: KeyObject) =>
      openSecretKeys(parseDomain({ ...plain, ...document }), [{ kid, key: jwk(key) }])
    await expect(open({}, 'owner-1', owner!.privateKey)).rejects.toEqual(noKey)
    await expect(open({ secretKeys: [sealed] }, 'owner-2', owner!.privateKey)).rejects.toEqual(noKey)
    await expect(open({ secretKeys: [sealed] }, 'owner-1', other!.privateKey)).rejects.toEqual(noKey)
    const changed = { ...sealed, encoded: { ...sealed.encoded, tag: 'AAAAAAAAAAAAAAAAAAAAAA' } }
    await expect(open({ secretKeys: [changed] }, 'owner-1', owner!.privateKey)).rejects.toEqual(noKey)
  })
})

const folder = new URL('../../../../shared/vectors/ehealth/', import.meta.url)
const read = (name: string) => readFileSync(new URL(name, folder), 'utf8')

describe.runIf(existsSync(folder))('an example of the shape that owners receive (from ../shared)', () => {
  it.each(['owner', 'service'])('opens with the private key of the %s', async party => {
    const domain = parseDomain(JSON.parse(read('domain-example.json')))
    const jwks = JSON.parse(read(`jwks-${party}.json`)) as { keys: { kid: string }[] }
    const key = jwk(createPrivateKey(read(`TEST-ONLY-${party}.pkcs8.pem`)))
    const { secrets, active } = await openSecretKeys(domain, [{ kid: jwks.keys[0]!.kid, key }])
    const expected = JSON.parse(read('domain-example.expected.json')) as Record<
      string,
      { active: boolean; jwk: { k: string } }
    >
    expect([...secrets.keys()].sort()).toEqual(Object.keys(expected).sort())
    for (const [kid, { active: isActive, jwk }] of Object.entries(expected)) {
      expect(Buffer.from(secrets.get(kid)!).toString('base64url')).toBe(jwk.k)
      expect(active.kid === kid).toBe(isActive)
    }
  })
})
