import fc from 'fast-check'
import { compactDecrypt } from 'jose'
import { describe, expect, it } from 'vitest'
import { newSeed, openField, sealField } from './sealed-field.ts'

const seed = new Uint8Array(32).fill(5)
const place = { domain: 'prescriptions_v1', record: 'r-1', field: 'note' }
const patient = new TextEncoder().encode('85073003328')
const invalid = expect.objectContaining({ code: 'invalid-sealed-field' })

describe('a sealed field (§8)', () => {
  it('opens to the value that was sealed, whatever JSON it is', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.uint8Array({ maxLength: 56 }), (value, identifier) => {
        const opened = openField(seed, place, identifier, sealField(seed, place, identifier, value))
        expect(opened).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })

  it('names its place in the protected header and nothing else in the clear', async () => {
    const sealed = sealField(seed, place, patient, 'penicillin allergy')
    const header = JSON.parse(Buffer.from(sealed.split('.')[0]!, 'base64url').toString())
    expect(header).toEqual({ alg: 'dir', enc: 'A256GCM', ...place })
    await expect(compactDecrypt(sealed, seed)).rejects.toThrow()
  })

  it('does not open for another record, field, domain, patient or seed, or when changed', () => {
    const sealed = sealField(seed, place, patient, 'x')
    const other = new TextEncoder().encode('85073003329')
    const changed = sealed.replace(
      /\.(.)([^.]*)$/,
      (_, first: string, rest: string) => `.${first === 'A' ? 'B' : 'A'}${rest}`,
    )
    for (const open of [
      () => openField(seed, { ...place, record: 'r-2' }, patient, sealed),
      () => openField(seed, { ...place, field: 'dose' }, patient, sealed),
      () => openField(seed, { ...place, domain: 'vaccines_v1' }, patient, sealed),
      () => openField(seed, place, other, sealed),
      () => openField(seed, place, patient.subarray(0, 5), sealed),
      () => openField(seed, place, new Uint8Array(0), sealed),
      () => openField(new Uint8Array(32), place, patient, sealed),
      () => openField(seed, place, patient, changed),
      () => openField(seed, place, patient, 'nonsense'),
    ])
      expect(open).toThrow(invalid)
  })

  it('draws a seed of 32 bytes, 16 where the curve takes no more', () => {
    expect(newSeed('P-521', 8)).toHaveLength(32)
    expect(newSeed('P-384', 8)).toHaveLength(32)
    expect(newSeed('P-256', 8)).toHaveLength(16)
    expect(newSeed('P-521', 8)).not.toEqual(newSeed('P-521', 8))
  })
})
