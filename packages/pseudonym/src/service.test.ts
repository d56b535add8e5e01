import { type CurveName, xOf } from '@littlebox/curve'
import { nativeEngine } from '@littlebox/curve/native'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { bareAtRest, callerLearnsPseudonym, domainOwner } from './index.ts'
import { refused, startHonestService } from './test-support/honest-service.ts'
import { openerFor, refuses } from './test-support/sdk.ts'
import { valuePoints } from './value-point.ts'

const engine = await nativeEngine()
const curves: CurveName[] = ['P-256', 'P-384', 'P-521']
const honest = await startHonestService(engine, [
  ...curves.map(curve => ({ name: `people_${curve.slice(2)}`, curve })),
  { name: 'elsewhere', curve: 'P-256' },
  { name: 'seeds', curve: 'P-256', valueFormat: 'bytes' },
  { name: 'texts', curve: 'P-256', valueFormat: 'text' },
  { name: 'hashed', curve: 'P-256', encoding: 'hashed', valueFormat: 'text' },
  { name: 'one_way', curve: 'P-256', back: false },
  { name: 'open', curve: 'P-256', evaluate: true, back: false },
])
afterAll(() => honest.close())
afterEach(() => {
  honest.bend = undefined
})

const open = openerFor(honest)
const service = open()
const people = () => service.domain('people_256')
const ssn = '85073003328'
const otherSsn = '51080990450'
const posts = () => honest.seen.filter(({ method }) => method === 'POST')
const outputsOf = (body: unknown) => (body as { outputs: Record<string, unknown>[] }).outputs

async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of source) items.push(item)
  return items
}

/** A valid number for each serial. */
function numberOf(serial: number): string {
  const body = 850_000_000 + serial
  return `${body}${String(97 - (body % 97)).padStart(2, '0')}`
}

describe('a care provider (§10)', () => {
  it.each(curves)('pseudonymises and identifies on %s; the owner has the same person each time', async name => {
    const domainName = `people_${name.slice(2)}`
    const domain = await service.domain(domainName)
    const [one, two] = await Promise.all([domain.pseudonymise('85.07.30-033.28'), domain.pseudonymise(ssn)])
    expect(one).not.toBe(two)
    expect(await domain.identify(one)).toBe(ssn)
    const privateKeys = [honest.ownerKey]
    const owner = await domainOwner({ service, domain: domainName, privateKeys, atRestKeys: bareAtRest })
    const person = await owner.atRest(one)
    expect(await owner.atRest(two)).toBe(person)
    const [point] = await valuePoints(engine, domain.domain, [ssn])
    const known = await honest.pseudonymOf(domainName, point as never)
    expect(person).toBe(`bare.${Buffer.from(xOf(known)).toString('base64url')}`)
    const back = await owner.inTransit(person)
    expect(back).not.toBe(one)
    expect(await domain.identify(back)).toBe(ssn)
  })

  it('sends nothing but blinded points: no value in any request, and no two alike', async () => {
    honest.seen.length = 0
    const domain = await people()
    await Promise.all([domain.pseudonymise(ssn), domain.pseudonymise(ssn)])
    const sent = JSON.stringify(posts())
    for (const form of [ssn, '85.07.30', Buffer.from(ssn).toString('base64'), Buffer.from(ssn).toString('hex')])
      expect(sent).not.toContain(form)
    const xs = posts().flatMap(({ body }) => (body as { inputs: { x: string }[] }).inputs.map(({ x }) => x))
    expect(new Set(xs).size).toBe(2)
  })

  it('gathers calls made in a short window into one request, and keeps each answer with its call', async () => {
    const domain = await people()
    honest.seen.length = 0
    const numbers = Array.from({ length: 40 }, (_, i) => numberOf(i))
    const transits = await Promise.all(numbers.map(number => domain.pseudonymise(number)))
    expect(posts()).toHaveLength(1)
    expect(await Promise.all(transits.map(transit => domain.identify(transit)))).toEqual(numbers)
    expect(posts()).toHaveLength(2)
  })

  it('cuts batches at the size configured', async () => {
    const domain = await open({ batchSize: 10 }).domain('people_256')
    honest.seen.length = 0
    await Promise.all(Array.from({ length: 25 }, (_, i) => domain.pseudonymise(numberOf(i))))
    const sizes = posts().map(({ body }) => (body as { inputs: unknown[] }).inputs.length)
    expect(sizes.sort()).toEqual([10, 10, 5])
  })

  it('refuses a value that does not fit without asking anybody (§13)', async () => {
    honest.seen.length = 0
    await expect((await people()).pseudonymise('85073003329')).rejects.toEqual(refuses('invalid-value'))
    const texts = await service.domain('texts')
    await expect(texts.pseudonymise('x'.repeat(23))).rejects.toThrow('22 bytes')
    await expect(texts.pseudonymise('x'.repeat(23))).rejects.toEqual(refuses('value-too-long'))
    expect(posts()).toHaveLength(0)
    expect(await texts.identify(await texts.pseudonymise(''))).toBe('')
  })

  it('converts in transit; the result is identified in the target domain', async () => {
    const domain = await people()
    const converted = await domain.convert(await domain.pseudonymise(ssn), 'elsewhere')
    expect(await (await service.domain('elsewhere')).identify(converted)).toBe(ssn)
    await expect(domain.identify(converted)).rejects.toEqual(refuses('invalid-transit-info'))
  })

  it('does not ask for what the domain does not do', async () => {
    const [oneWay, hashed, domain] = await Promise.all([service.domain('one_way'), service.domain('hashed'), people()])
    const transit = await oneWay.pseudonymise(ssn)
    await expect(oneWay.identify(transit)).rejects.toEqual(refuses('not-allowed'))
    await expect(oneWay.convert(transit, 'people_256')).rejects.toEqual(refuses('not-allowed'))
    await expect(hashed.identify(await hashed.pseudonymise('any text'))).rejects.toEqual(refuses('not-allowed'))
    await expect(domain.convert(await domain.pseudonymise(ssn), 'people_521')).rejects.toEqual(refuses('not-allowed'))
    await expect(domain.evaluate([ssn], { [callerLearnsPseudonym]: true })).rejects.toEqual(refuses('not-allowed'))
    await expect(domain.evaluate([ssn], {} as never)).rejects.toEqual(refuses('not-allowed'))
    await expect(service.domain('nowhere')).rejects.toMatchObject({ code: 'refused', problem: { status: 404 } })
    await expect(service.domain('../admin')).rejects.toEqual(refuses('invalid-domain'))
  })

  it('evaluates where the domain allows it: the same output each time', async () => {
    const domain = await service.domain('open')
    const [one, two, three] = await domain.evaluate([ssn, otherSsn, '85.07.30-033.28'], {
      [callerLearnsPseudonym]: true,
    })
    expect(one).toHaveLength(32)
    expect(three).toEqual(one)
    expect(two).not.toEqual(one)
  })

  it('refuses tokens that belong elsewhere, each at its own call', async () => {
    const domain = await people()
    const transit = await domain.pseudonymise(ssn)
    const [good, bad, worse] = await Promise.allSettled([
      domain.identify(transit),
      domain.identify(`${transit}A`),
      domain.identify('nonsense'),
    ])
    expect(good).toMatchObject({ value: ssn })
    expect(bad).toMatchObject({ reason: refuses('invalid-transit-info') })
    expect(worse).toMatchObject({ reason: refuses('invalid-point') })
  })
})

describe('many rows (§10)', () => {
  it('come back in order, with failures as results, and progress', async () => {
    const domain = await open({ batchSize: 10, concurrency: 3 }).domain('people_256')
    const rows = Array.from({ length: 95 }, (_, i) => ({ id: i, ssn: i % 7 === 3 ? 'not a number' : numberOf(i) }))
    const progress: object[] = []
    const done = await all(
      domain.pseudonymiseAll(rows, {
        of: row => row.ssn,
        progress: ({ done, failed }) => progress.push({ done, failed }),
      }),
    )
    expect(done.map(({ row }) => row)).toEqual(rows)
    expect(done.map(({ index }) => index)).toEqual(rows.map(({ id }) => id))
    for (const { row, value, error } of done) {
      if (row.ssn === 'not a number') expect(error).toEqual(refuses('invalid-value'))
      else expect(value).toContain(':')
    }
    expect(progress).toHaveLength(10)
    expect(progress.at(-1)).toEqual({ done: 95, failed: 14 })
    const identified = await all(domain.identifyAll(done, { of: one => one.value ?? 'nothing' }))
    expect(identified.map(({ value }) => value)).toEqual(
      rows.map(row => (row.ssn === 'not a number' ? undefined : row.ssn)),
    )
  })

  it('reads no more rows ahead than are under way, and closes its source when the consumer stops', async () => {
    const domain = await open({ batchSize: 5, concurrency: 2 }).domain('people_256')
    let [read, isClosed] = [0, false]
    async function* rows() {
      try {
        for (;;) yield numberOf(read++)
      } finally {
        isClosed = true
      }
    }
    for await (const { index } of domain.pseudonymiseAll(rows(), { of: row => row })) if (index === 4) break
    expect(read).toBeLessThanOrEqual(15)
    expect(isClosed).toBe(true)
  })

  it('a problem at one index costs the others nothing', async () => {
    honest.bend = reply => {
      const outputs = outputsOf(reply.body)
      outputs[1] = { ...refused(403, 'other-subject').body }
      return reply
    }
    const domain = await people()
    const done = await all(domain.pseudonymiseAll([1, 2, 3].map(numberOf), { of: row => row }))
    expect(done.map(({ error }) => error?.problem)).toEqual([
      undefined,
      { status: 403, code: 'other-subject' },
      undefined,
    ])
  })

  it('end with an error when the whole service refuses; what was given back by then is done', async () => {
    let batches = 0
    honest.bend = reply => (++batches > 2 ? { ...reply, ...refused(403, 'no-access') } : reply)
    const domain = await open({ batchSize: 5, concurrency: 1 }).domain('people_256')
    const rows = Array.from({ length: 20 }, (_, i) => numberOf(i))
    const seen: number[] = []
    const run = async () => {
      for await (const { index } of domain.pseudonymiseAll(rows, { of: row => row })) seen.push(index)
    }
    // The domain document was the first of the two replies.
    await expect(run()).rejects.toMatchObject({ code: 'refused', problem: { status: 403, code: 'no-access' } })
    expect(seen).toEqual([0, 1, 2, 3, 4])
  })

  it('stop when the signal says so', async () => {
    const domain = await people()
    const signal = AbortSignal.abort()
    const run = all(domain.pseudonymiseAll([ssn], { of: row => row, signal }))
    await expect(run).rejects.toEqual(refuses('aborted'))
    await expect(domain.pseudonymise(ssn, { signal })).rejects.toEqual(refuses('aborted'))
  })
})

describe('sealed fields (§8)', () => {
  const parts = { identifier: 'patient', id: 'id', seeds: 'seeds' }
  const record = { id: 'r-1', patient: ssn, medicine: 'amoxicillin', note: { text: 'allergic' } }

  it('are sealed and opened in one call; the rest stays readable', async () => {
    const domain = await people()
    const sealed = await domain.seal(record, ['note'], parts)
    expect(sealed.record).toMatchObject({ id: 'r-1', medicine: 'amoxicillin' })
    expect(JSON.stringify(sealed)).not.toMatch(/allergic|85073003328/)
    expect(await domain.open(sealed, ['note'], parts)).toEqual(record)
  })

  it('moved to another record, patient or seed are refused', async () => {
    const domain = await people()
    const [one, two] = await Promise.all([
      domain.seal(record, ['note'], parts),
      domain.seal({ ...record, id: 'r-2', patient: otherSsn }, ['note'], parts),
    ])
    const refusal = refuses('invalid-sealed-field')
    const moved = { ...one, record: { ...one.record, id: 'r-2' } }
    await expect(domain.open(moved, ['note'], parts)).rejects.toEqual(refusal)
    const otherPatient = { ...one, record: { ...one.record, patient: two.record.patient } }
    await expect(domain.open(otherPatient, ['note'], parts)).rejects.toEqual(refusal)
    await expect(domain.open({ ...one, seed: two.seed }, ['note'], parts)).rejects.toEqual(refusal)
  })

  it('need a domain of seeds, and a record with an id', async () => {
    const domain = await people()
    await expect(domain.seal(record, ['note'], { ...parts, seeds: 'elsewhere' })).rejects.toEqual(
      refuses('not-allowed'),
    )
    await expect(domain.seal({ ...record, id: '' }, ['note'], parts)).rejects.toEqual(refuses('invalid-sealed-field'))
    await expect(domain.seal(record, ['patient'], parts)).rejects.toEqual(refuses('invalid-sealed-field'))
  })
})
