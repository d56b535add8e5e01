import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type JournalEvent, journalMigrations, postgresJournal } from './journal.ts'
import { type EmbeddedPostgres, openStore, type Store, startTemporaryPostgres } from './store.ts'

let server: EmbeddedPostgres
let store: Store<unknown>
beforeAll(async () => {
  server = await startTemporaryPostgres()
  store = await openStore({ url: server.url, migrations: journalMigrations })
})
afterAll(async () => {
  await store.close()
  await server.stop()
})

const event: JournalEvent = {
  at: new Date('2026-11-20T12:00:00.000Z'),
  service: 'pseudonyms',
  type: 'conversion',
  outcome: 'done',
  caller: 'practice-1',
  organisation: 'org-1',
  domain: 'prescriptions_v1',
  to: 'vaccines_v1',
  operation: 'convertMultipleTo',
  points: 100,
  correlation: '5b0a5a3e-8a2f-4a4e-9d55-0c8f6f4d2b11',
}

async function rows(): Promise<Record<string, unknown>[]> {
  return (await store.pool.query<Record<string, unknown>>('select * from journal order by id')).rows
}

describe('postgresJournal', () => {
  test('what was appended is there, all of it, when append resolves', async () => {
    const journal = postgresJournal(store.db)
    await journal.append(event)
    await journal.append({ at: event.at, service: 'pseudonyms', type: 'start', outcome: 'done' })
    const [first, second] = await rows()
    expect(first).toEqual({ id: 1n, reason: null, ...event })
    expect(second).toMatchObject({ type: 'start', caller: null, points: null, correlation: null })
  })

  test('many at once share commits, and none is lost', async () => {
    const before = (await rows()).length
    const transactions = async () =>
      (await store.pool.query<{ n: bigint }>('select pg_current_xact_id()::text::bigint as n')).rows[0]?.n ?? 0n
    const first = await transactions()
    const journal = postgresJournal(store.db)
    await Promise.all(Array.from({ length: 2000 }, (_, points) => journal.append({ ...event, points })))
    expect(Number((await transactions()) - first)).toBeLessThan(20)
    const written = (await rows()).slice(before)
    expect(written.map(row => row.points)).toEqual(Array.from({ length: 2000 }, (_, points) => points))
  })

  test('over the bound: journal-busy at once, and those that were taken are written', async () => {
    const journal = postgresJournal(store.db)
    const results = await Promise.allSettled(Array.from({ length: 6000 }, () => journal.append(event)))
    const refused = results.filter(result => result.status === 'rejected')
    expect(refused.length).toBeGreaterThan(0)
    for (const result of refused) expect(result.reason).toMatchObject({ code: 'journal-busy', status: 503 })
  })

  test.each<[string, Record<string, unknown>]>([
    ['an unknown field', { patient: 'x' }],
    ['domain', { domain: '85073003328' }],
    ['caller', { caller: '85.07.30-033.28' }],
    ['caller', { caller: `client-85.07.30-033.28` }],
    ['domain', { domain: 'AgF6qR7c1vN0yZ3kX9pLw5T2uBhJ8sD4mE6fG0iK1oQx' }],
    ['organisation', { organisation: 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln' }],
    ['operation', { operation: 'x y' }],
    ['correlation', { correlation: randomUUID().toUpperCase() }],
    ['points', { points: 85073003328 }],
    ['points', { points: -1 }],
    ['reason', { reason: 'The value 85073003328 is wrong' }],
    ['outcome', { outcome: 'maybe' }],
  ])('%s that does not fit is refused, its value not repeated: %j', async (field, change) => {
    const before = (await rows()).length
    const wrong = { ...event, ...change } as JournalEvent
    const error = await postgresJournal(store.db)
      .append(wrong)
      .catch((caught: unknown) => caught)
    expect(error).toMatchObject({ name: 'JournalError', code: 'invalid-event' })
    expect(String(error)).toContain(field)
    expect(String(error)).not.toContain(String(Object.values(change)[0]))
    expect(await rows()).toHaveLength(before)
  })

  test('a database that is away fails the append, and the next one works', async () => {
    const other = await openStore<unknown>({ url: server.url, migrations: journalMigrations })
    const journal = postgresJournal(other.db)
    await store.pool.query('alter table journal rename to elsewhere')
    await expect(journal.append(event)).rejects.toMatchObject({ code: '42P01' })
    await store.pool.query('alter table elsewhere rename to journal')
    await journal.append(event)
    await other.close()
  })
})
