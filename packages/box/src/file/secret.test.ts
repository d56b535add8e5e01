import { readFile } from 'node:fs/promises'
import { inspect } from 'node:util'
import { generator, randomScalar } from '@littlebox/curve'
import { describe, expect, it } from 'vitest'
import { wrapDataKey } from '../envelope.ts'
import { filled, grant, passphrase } from './box.fixture.ts'
import { openPrivate, parse, unlock } from './format.ts'

describe('private bytes', () => {
  it('appear in no answer, no error, no JSON, no inspection of the box, and not in its file', async () => {
    const { at, box, forward, back } = await filled()
    const specs = [
      { name: 'sign', purpose: 'sign', algorithm: 'ES256' },
      { name: 'unwrap', purpose: 'unwrap', algorithm: 'ECDH-ES+A256KW' },
      { name: 'derive', purpose: 'derive', algorithm: 'HMAC-SHA-256' },
    ] as const
    const made = []
    for (const spec of specs) {
      const created = await box.create({ ...spec, version: 1 }, grant)
      made.push(created, await box.change(created.key, { to: 'active' }, grant))
    }
    const unwrapping = await box.describe('unwrap@1')
    const g = [generator('P-256')]
    const wrong = () => Promise.reject(new Error('never asked'))
    const asked: Promise<unknown>[] = [
      box.describe(forward),
      box.multiply([forward], g),
      box.multiply([back, forward], g, [randomScalar('P-256')]),
      box.prove?.(forward, g, g) ?? wrong(),
      box.sign('sign@1', 'ES256', passphrase),
      box.unwrap('unwrap@1', wrapDataKey(unwrapping, new Uint8Array(32))),
      box.derive('derive@1', 'label', new Uint8Array(), 64),
      box.health(),
      box.sign('sign@1', 'EdDSA', passphrase),
      box.multiply(['sign@1'], g),
      box.multiply([forward], [generator('P-384')]),
      box.unwrap('unwrap@1', { algorithm: 'RSA-OAEP-256', encryptedKey: new Uint8Array(4) }),
      box.change(forward, { to: 'destroyed' }, grant),
    ]
    const outcomes = await Promise.allSettled(asked)
    expect(outcomes.filter(outcome => outcome.status === 'rejected')).toHaveLength(5)

    const file = await readFile(at.path, 'utf8')
    const key = await unlock(file, passphrase)
    const secrets = parse(key, file).keys.map(record => openPrivate(key, record, record.sealed!))
    expect(secrets).toHaveLength(5)
    const seen = [
      box,
      made,
      outcomes,
      ...outcomes.map(outcome => ('reason' in outcome ? outcome.reason : outcome.value)),
    ]
      .flatMap(value => [everything(value), JSON.stringify(value) ?? ''])
      .join('\n')
      .concat(file, inspect(box, { showHidden: true, depth: Number.POSITIVE_INFINITY }))

    // The search finds what may be there: the public part of a key.
    expect(
      encodings(((await box.describe(forward)) as { point: { bytes: Uint8Array } }).point.bytes).some(text =>
        seen.includes(text),
      ),
    ).toBe(true)
    // PKCS#8 ends with the public part, so of each secret its first 32 private bytes are searched for.
    for (const secret of [...secrets.map(privateBytes), key.dataKey, key.macKey])
      for (const text of encodings(secret)) expect(seen.includes(text)).toBe(false)
  })
})

/** A value with all it holds, byte strings in hex, errors with message, stack and cause. */
function everything(value: unknown, depth = 0): string {
  if (depth > 8) return ''
  if (value instanceof Uint8Array) return encodings(value).join(' ')
  if (value instanceof Error) return [value.message, value.stack, everything(value.cause, depth + 1)].join(' ')
  if (typeof value !== 'object' || value === null) return String(value)
  return Object.entries(value)
    .map(([name, member]) => `${name} ${everything(member, depth + 1)}`)
    .join(' ')
}

function encodings(bytes: Uint8Array): string[] {
  const buffer = Buffer.from(bytes)
  const decimal = BigInt(`0x${buffer.toString('hex')}`).toString()
  return [
    buffer.toString('hex'),
    buffer.toString('base64').replace(/=+$/, ''),
    buffer.toString('base64url'),
    decimal,
    [...bytes].join(','),
  ]
}

/** A raw secret as it is; of a P-256 PKCS#8 (RFC 5915 within RFC 5958) the 32 bytes of its private key. */
function privateBytes(secret: Uint8Array): Uint8Array {
  return secret.length === 32 ? secret : secret.subarray(36, 68)
}
