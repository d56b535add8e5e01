import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { KeyDescription } from './box.ts'
import { concatKdf, openEnvelope, parseEnvelope, serializeEnvelope, wrapDataKey } from './envelope.ts'

const bytes = (text: string) => Uint8Array.from(Buffer.from(text))
const dataKey = Uint8Array.from({ length: 32 }, (_, i) => i)

function recipient(algorithm: 'ECDH-ES+A256KW' | 'RSA-OAEP-256'): {
  privateKey: KeyObject
  description: KeyDescription
} {
  const { privateKey } =
    algorithm === 'RSA-OAEP-256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const spki = Uint8Array.from(createPublicKey(privateKey).export({ format: 'der', type: 'spki' }))
  const standing = { name: 'k', version: 1, id: '', created: 0, since: 0, wasCompromised: false } as const
  const limits = { processWhileSuspended: false } as const
  return {
    privateKey,
    description: { key: 'k@1', ...standing, state: 'active', ...limits, purpose: 'unwrap', algorithm, spki },
  }
}

describe('RFC 7518 Appendix C', () => {
  it('Concat KDF', () => {
    const z = Buffer.from('9e56d91d817135d372834283bf84269cfb316ea3da806a48f6daa7798cfe90c4', 'hex')
    const derived = concatKdf(z, 'A128GCM', bytes('Alice'), bytes('Bob'), 16)
    expect(Buffer.from(derived).toString('base64url')).toBe('VqqN6vgjbSBcIijNcacQGg')
  })
})

describe.each(['ECDH-ES+A256KW', 'RSA-OAEP-256'] as const)('%s', algorithm => {
  const { privateKey, description } = recipient(algorithm)

  it('comes through a column of a database', () => {
    const column = serializeEnvelope(wrapDataKey(description, dataKey))
    expect(openEnvelope(privateKey, parseEnvelope(column))).toEqual(dataKey)
  })

  it('is another envelope each time', () => {
    expect(wrapDataKey(description, dataKey)).not.toEqual(wrapDataKey(description, dataKey))
  })

  it.each([0, 8, 15, 33, 72])('takes no data key of %i bytes: bad-input', length => {
    expect(() => wrapDataKey(description, new Uint8Array(length))).toThrow(
      expect.objectContaining({ code: 'bad-input' }),
    )
  })
})

it('opens only with the context it was made for: bad-input', () => {
  const { privateKey, description } = recipient('ECDH-ES+A256KW')
  const column = serializeEnvelope(wrapDataKey(description, dataKey, bytes('prescriptions_v1')))
  expect(openEnvelope(privateKey, parseEnvelope(column, bytes('prescriptions_v1')))).toEqual(dataKey)
  for (const context of [undefined, bytes('vaccines_v1')])
    expect(() => openEnvelope(privateKey, parseEnvelope(column, context))).toThrow(
      expect.objectContaining({ code: 'bad-input', message: 'the envelope does not open' }),
    )
})

it('takes no bytes that are no envelope: bad-input', () => {
  for (const column of [new Uint8Array(), Uint8Array.of(3), new Uint8Array(80), Uint8Array.of(1, 2, 3)])
    expect(() => parseEnvelope(column)).toThrow(expect.objectContaining({ code: 'bad-input' }))
})
