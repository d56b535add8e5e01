import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type LogFields, logger, metrics } from './telemetry.ts'

const ssn = '85073003328'
const point = `AwE${randomBytes(64).toString('base64url')}`
const token = `eyJhbGciOiJFUzI1NiJ9.${randomBytes(40).toString('base64url')}.${randomBytes(64).toString('base64url')}`
const x = randomBytes(66).toString('hex')

function lines(write: (log: ReturnType<typeof logger>) => void): { text: string; parsed: Record<string, unknown>[] } {
  let text = ''
  const log = logger('pseudonyms', {
    write: line => {
      text += line
    },
  })
  write(log)
  const parsed = text
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as Record<string, unknown>)
  return { text, parsed }
}

const allFields: (keyof LogFields)[] = [
  'correlation',
  'caller',
  'organisation',
  'domain',
  'operation',
  'code',
  'check',
  'outcome',
  'version',
  'engine',
  'signal',
  'method',
  'route',
  'address',
  'status',
  'port',
  'points',
  'count',
  'durationMs',
]

describe('logger', () => {
  test('says what it may say', () => {
    const fields = {
      correlation: '5b0a5a3e-8a2f-4a4e-9d55-0c8f6f4d2b11',
      caller: 'practice-1',
      domain: 'prescriptions_v1',
      route: '/pseudo/v1/domains/{domain}/pseudonymize',
      address: 'http://127.0.0.1:8080',
      version: '18.4',
      points: 100,
      durationMs: 12.5,
    }
    const { parsed } = lines(log => log.info('Request answered', fields))
    expect(parsed).toEqual([
      { level: 'info', time: expect.any(String), service: 'pseudonyms', msg: 'Request answered', ...fields },
    ])
  })

  const planted = [ssn, '85.07.30-033.28', '850730 033 28', point, token, x, Buffer.from(x, 'hex').toString('base64')]

  test.each(planted)('planted in any field, in a message, in an error, it does not come out: %s', secret => {
    const { text, parsed } = lines(log => {
      for (const field of allFields) {
        log.info('Planted', { [field]: secret })
        log.info('Planted', { [field]: `a${secret}` })
      }
      log.warn(`Failed for ${secret}`)
      const cause = Object.assign(new Error(secret), { code: secret, detail: secret, name: secret })
      log.error('Failed', { error: new Error(secret, { cause }) })
      log.error('Failed', { error: { message: secret } })
    })
    expect(text).not.toContain(secret)
    expect(parsed.filter(line => line.msg === 'Planted').every(line => line.withheld === 1)).toBe(true)
  })

  test('a field that is not on the list is dropped, whatever is in it, and counted', () => {
    const { text, parsed } = lines(log => log.info('Planted', { body: 'harmless', url: '/x' } as LogFields))
    expect(text).not.toContain('harmless')
    expect(parsed[0]).toMatchObject({ msg: 'Planted', withheld: 2 })
  })

  test('an identity number of numbers does not pass as a number', () => {
    const { text } = lines(log => log.info('Planted', { points: Number(ssn), status: Number(ssn) }))
    expect(text).not.toContain(ssn)
  })

  test('of an error come its name and code, and its causes’', () => {
    const cause = Object.assign(new Error(`Key (ssn)=(${ssn}) exists`), { code: '23505' })
    const { parsed } = lines(log => log.error('Store failed', { error: new TypeError(ssn, { cause }) }))
    expect(parsed[0]?.error).toEqual({ name: 'TypeError', cause: { name: 'Error', code: '23505' } })
  })

  test('no 11 digits in a row ever come out, however they are put in', () => {
    const digits = fc.stringMatching(/^\d{11}$/)
    fc.assert(
      fc.property(digits, fc.constantFrom(...allFields), fc.string(), (number, field, around) => {
        const { text } = lines(log => {
          log.info(`${around}${number}`, { [field]: `${around}${number}${around}` })
        })
        expect(text).not.toContain(number)
      }),
    )
  })
})

describe('metrics', () => {
  test('a registry of its own with the process’s figures', async () => {
    const [first, second] = [metrics(), metrics()]
    expect(first).not.toBe(second)
    expect(await first.metrics()).toContain('process_resident_memory_bytes')
  })
})
