import { nativeEngine } from '@littlebox/curve/native'
import { decodeProtectedHeader } from 'jose'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import {
  allowInsecureHttp,
  bareAtRest,
  type DomainDocument,
  domainOwner,
  plainBearer,
  pseudonymService,
} from './index.ts'
import { openSecretKeys } from './secret-keys.ts'
import { startHonestService } from './test-support/honest-service.ts'
import { openTransit } from './transit.ts'

const engine = await nativeEngine()
const honest = await startHonestService(engine, [
  { name: 'prescriptions_v1' },
  { name: 'vaccines_v1' },
  { name: 'archive_v1', back: false },
])
afterAll(() => honest.close())
afterEach(() => {
  honest.bend = undefined
  vi.useRealTimers()
})

const service = pseudonymService({
  url: honest.url,
  token: async () => 'a-token',
  deadline: 1_000,
  [plainBearer]: true,
  [allowInsecureHttp]: true,
})
const atRestKeys = { active: { id: 'r1', secret: crypto.getRandomValues(new Uint8Array(64)) } }
const privateKeys = [honest.ownerKey]
const prescriptions = () => service.domain('prescriptions_v1')
const open = (domain = 'prescriptions_v1', more = {}) =>
  domainOwner({ service, domain, privateKeys, atRestKeys, ...more })
const refuses = (code: string) => expect.objectContaining({ name: 'PseudonymError', code })
const ssn = '85073003328'

/** A valid number for each serial. */
function numberOf(serial: number): string {
  const body = 850_000_000 + serial
  return `${body}${String(97 - (body % 97)).padStart(2, '0')}`
}

async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of source) items.push(item)
  return items
}

describe('a domain owner (§3)', () => {
  it('at rest ∘ in transit is the identity; one person has one column value, another person another', async () => {
    const [owner, domain] = await Promise.all([open(), prescriptions()])
    const numbers = [ssn, ssn, ...Array.from({ length: 30 }, (_, i) => numberOf(i))]
    const transits = await Promise.all(numbers.map(number => domain.pseudonymise(number)))
    const people = (await all(owner.atRestAll(transits, { of: one => one }))).map(({ value }) => value!)
    expect(people.every(person => person.startsWith('r1.'))).toBe(true)
    expect(new Set(people).size).toBe(numbers.length - 1)
    const returned = (await all(owner.inTransitAll(people, { of: one => one }))).map(({ value }) => value!)
    expect(new Set([...returned, ...transits]).size).toBe(2 * numbers.length)
    const again = await all(owner.atRestAll(returned, { of: one => one }))
    expect(again.map(({ value }) => value)).toEqual(people)
    expect(await Promise.all(returned.map(one => domain.identify(one)))).toEqual(numbers)
  })

  it('works on its own while the service is away', async () => {
    const owner = await open()
    const transit = await (await prescriptions()).pseudonymise(ssn)
    honest.bend = reply => ({ ...reply, status: 503 })
    honest.seen.length = 0
    const person = await owner.atRest(transit)
    expect(await owner.atRest(await owner.inTransit(person))).toBe(person)
    expect(honest.seen).toHaveLength(0)
  })

  it('names the only subject that may use what it hands out', async () => {
    const owner = await open()
    const person = await owner.atRest(await (await prescriptions()).pseudonymise(ssn))
    const handed = await owner.inTransit(person, { subject: 'doctor-1' })
    const domain = await service.document('prescriptions_v1')
    const { secrets } = await openSecretKeys(domain, privateKeys)
    const info = openTransit(domain, secrets, handed.split(':')[1]!, Math.floor(Date.now() / 1000))
    expect(info.subject).toBe('doctor-1')
    expect(info.expiresAt - info.issuedAt).toBe(600)
  })

  it('converts what it stores; the other owner has the person it always had', async () => {
    const [owner, other] = await Promise.all([open(), open('vaccines_v1')])
    const person = await owner.atRest(await (await prescriptions()).pseudonymise(ssn))
    const converted = await owner.convert(person, 'vaccines_v1')
    const known = await other.atRest(await (await service.domain('vaccines_v1')).pseudonymise(ssn))
    expect(await other.atRest(converted)).toBe(known)
    await expect(owner.atRest(converted)).rejects.toEqual(refuses('invalid-transit-info'))
    const done = await all(owner.convertAll([person, 'nonsense'], { of: one => one, to: 'vaccines_v1' }))
    expect(await other.atRest(done[0]!.value!)).toBe(known)
    expect(done[1]!.error).toEqual(refuses('invalid-at-rest'))
    const archive = await open('archive_v1')
    const archived = await archive.atRest(await (await service.domain('archive_v1')).pseudonymise(ssn))
    await expect(archive.convert(archived, 'vaccines_v1')).rejects.toEqual(refuses('not-allowed'))
  })

  it('sends a conversion blinded and without transit information', async () => {
    const owner = await open()
    const person = await owner.atRest(await (await prescriptions()).pseudonymise(ssn))
    honest.seen.length = 0
    await Promise.all([owner.convert(person, 'vaccines_v1'), owner.convert(person, 'vaccines_v1')])
    const items = honest.seen.flatMap(({ body }) => (body as { inputs: { x: string }[] } | undefined)?.inputs ?? [])
    expect(items).toHaveLength(2)
    expect(items.every(item => !('transitInfo' in item))).toBe(true)
    expect(items[0]!.x).not.toBe(items[1]!.x)
  })

  it('refuses, each at its row, what is expired, moved, changed or nonsense', async () => {
    const transit = await (await prescriptions()).pseudonymise(ssn)
    const late = await open('prescriptions_v1', { clock: () => Math.floor(Date.now() / 1000) + 661 })
    await expect(late.atRest(transit)).rejects.toEqual(refuses('invalid-transit-info'))
    const owner = await open()
    const vaccine = await (await service.domain('vaccines_v1')).pseudonymise(ssn)
    const done = await all(owner.atRestAll([transit, vaccine, 'nonsense', `${transit}x`, transit], { of: one => one }))
    expect(done.map(({ error }) => error?.code)).toEqual([
      undefined,
      'invalid-transit-info',
      'invalid-point',
      'invalid-transit-info',
      undefined,
    ])
    await expect(owner.inTransit('nonsense')).rejects.toEqual(refuses('invalid-at-rest'))
    const offCurve = `bare.${Buffer.alloc(32, 0xff).toString('base64url')}`
    const bare = await open('prescriptions_v1', { atRestKeys: bareAtRest })
    await expect(bare.inTransit(offCurve)).rejects.toEqual(refuses('invalid-at-rest'))
  })

  it('needs a private key that opens the active transit key', async () => {
    const stranger = [{ ...honest.ownerKey, kid: 'someone-else' }]
    await expect(open('prescriptions_v1', { privateKeys: stranger })).rejects.toEqual(refuses('no-transit-key'))
  })
})

describe('transit keys that rotate (§5)', () => {
  it('are read again, at once, when a token names an unknown one, and not for every such token', async () => {
    const owner = await open('vaccines_v1')
    const domain = await service.domain('vaccines_v1')
    const before = await domain.pseudonymise(ssn)
    const kid = honest.rotate('vaccines_v1')
    const after = await domain.pseudonymise(ssn)
    const rows = Array.from({ length: 600 }, () => after) // batches beside each other
    expect((await all(owner.atRestAll(rows, { of: one => one }))).every(({ error }) => !error)).toBe(true)
    expect(await owner.atRest(after)).toBe(await owner.atRest(before))
    const handed = await owner.inTransit(await owner.atRest(after))
    expect(decodeProtectedHeader(handed.split(':')[1]!).kid).toBe(kid)

    honest.seen.length = 0
    const elsewhere = await (await prescriptions()).pseudonymise(ssn)
    honest.seen.length = 0
    await expect(owner.atRest(elsewhere)).rejects.toEqual(refuses('invalid-transit-info'))
    await expect(owner.atRest(elsewhere)).rejects.toEqual(refuses('invalid-transit-info'))
    expect(honest.seen).toHaveLength(0)
  })

  it('are read again when a token names one that was announced: it is in use, and sealed with from then on', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const successor = honest.rotate('prescriptions_v1')
    honest.bend = reply => {
      const document = reply.body as DomainDocument
      const secretKeys = document.secretKeys.map((key, i) => ({ ...key, active: i === 0 }))
      return { ...reply, body: { ...document, secretKeys } }
    }
    const owner = await open()
    honest.bend = undefined
    const kidOfNext = async (person: string) =>
      decodeProtectedHeader((await owner.inTransit(person)).split(':')[1]!).kid
    const transit = await (await prescriptions()).pseudonymise(ssn)
    expect(await kidOfNext(await owner.atRest(transit))).not.toBe(successor)
    vi.advanceTimersByTime(60_001)
    expect(await kidOfNext(await owner.atRest(transit))).toBe(successor)
  })

  it('are read again after six hours; while the service is away the owner goes on with those it has', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const owner = await open()
    const person = await owner.atRest(await (await prescriptions()).pseudonymise(ssn))
    const documents = () => honest.seen.filter(({ method }) => method === 'GET').length
    honest.seen.length = 0
    await owner.inTransit(person)
    expect(documents()).toBe(0)
    vi.advanceTimersByTime(6 * 3_600_000 + 1)
    await owner.inTransit(person)
    expect(documents()).toBe(1)
    vi.advanceTimersByTime(6 * 3_600_000 + 1)
    honest.bend = reply => {
      vi.advanceTimersByTime(600)
      return { ...reply, status: 503 }
    }
    expect(await owner.atRest(await owner.inTransit(person))).toBe(person)
    const tries = documents()
    expect(tries).toBeGreaterThan(1)
    await owner.inTransit(person)
    expect(documents()).toBe(tries)
    vi.advanceTimersByTime(60_001)
    honest.bend = reply => ({ ...reply, status: 403 })
    await expect(owner.inTransit(person)).rejects.toEqual(refuses('refused'))
  })

  it('refuse to be read anew when the owner asks and cannot open them', async () => {
    const owner = await open()
    honest.bend = reply => ({ ...reply, body: { ...(reply.body as object), secretKeys: [] } })
    await expect(owner.refresh()).rejects.toEqual(refuses('no-transit-key'))
  })
})
