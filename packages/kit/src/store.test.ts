import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type EmbeddedPostgres, type Migration, openStore, startTemporaryPostgres } from './store.ts'

interface Tables {
  counters: { name: string; total: bigint }
}

const counters: Migration = {
  async up(db) {
    await db.schema
      .createTable('counters')
      .addColumn('name', 'text', column => column.primaryKey())
      .addColumn('total', 'bigint', column => column.notNull())
      .execute()
  },
}

let server: EmbeddedPostgres
beforeAll(async () => {
  server = await startTemporaryPostgres()
})
afterAll(() => server.stop())

/** A database of its own on the one server. */
async function freshDatabase(): Promise<string> {
  const name = `t${randomUUID().replaceAll('-', '')}`
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  await client.query(`create database ${name}`)
  await client.end()
  return server.url.replace(/\/postgres$/, `/${name}`)
}

describe('openStore', () => {
  test('64-bit integers come as BigInt, other numbers as they were', async () => {
    const store = await openStore<Tables>({ url: await freshDatabase(), migrations: { counters_0001: counters } })
    await store.db
      .insertInto('counters')
      .values({ name: 'a', total: 2n ** 63n - 1n })
      .execute()
    expect(await store.db.selectFrom('counters').selectAll().execute()).toEqual([{ name: 'a', total: 2n ** 63n - 1n }])
    expect((await sql<{ n: number }>`select 7::int as n`.execute(store.db)).rows).toEqual([{ n: 7 }])
    await store.close()
  })

  test('of replicas that start at once one migrates, and all find the result', async () => {
    const url = await freshDatabase()
    const stores = await Promise.all(
      [1, 2, 3, 4].map(() => openStore<Tables>({ url, migrations: { counters_0001: counters } })),
    )
    for (const store of stores) expect(await store.db.selectFrom('counters').selectAll().execute()).toEqual([])
    await Promise.all(stores.map(store => store.close()))
  })

  test('a connection that is held and idle when the database ends it costs its holder an error, and nothing else', async () => {
    const store = await openStore({ url: await freshDatabase(), migrations: {} })
    const next = await store.db.connection().execute(async held => {
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(held)
      await store.pool.query('select pg_terminate_backend($1, 2000)', [rows[0]!.pid])
      return sql`select 1`.execute(held).catch((error: unknown) => error)
    })
    expect(next).toBeInstanceOf(Error)
    expect(await store.healthy()).toBe(true)
    await store.close()
  })

  test('packages add migrations independently of each other’s names', async () => {
    const url = await freshDatabase()
    const first = await openStore({ url, migrations: { m_0001: counters } })
    await first.close()
    const earlier: Migration = { up: async db => db.schema.createTable('notes').addColumn('n', 'integer').execute() }
    const second = await openStore({ url, migrations: { m_0001: counters, a_0001: earlier } })
    expect((await second.pool.query('select * from notes')).rows).toEqual([])
    await second.close()
  })

  test('a migration that fails leaves nothing behind: migration-failed', async () => {
    const url = await freshDatabase()
    const broken: Migration = {
      async up(db) {
        await counters.up(db)
        await sql`select 1/0`.execute(db)
      },
    }
    const opening = openStore({ url, migrations: { counters_0001: broken } })
    await expect(opening).rejects.toMatchObject({ name: 'StoreError', code: 'migration-failed' })
    const repaired = await openStore<Tables>({ url, migrations: { counters_0001: counters } })
    expect(await repaired.db.selectFrom('counters').selectAll().execute()).toEqual([])
    await repaired.close()
  })

  test('commits are durable when they return, whatever the server’s default', async () => {
    const url = await freshDatabase()
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    await client.query(`alter database ${new URL(url).pathname.slice(1)} set synchronous_commit = off`)
    await client.end()
    const store = await openStore({ url, migrations: {} })
    expect((await store.pool.query('show synchronous_commit')).rows).toEqual([{ synchronous_commit: 'on' }])
    await store.close()
  })

  test('a server that is away: unreachable, without its password', async () => {
    const url = 'postgres://someone:hush-hush@127.0.0.1:9/nowhere'
    const error = await openStore({ url, migrations: {} }).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: 'unreachable' })
    expect(String(error)).not.toContain('hush-hush')
  })

  test.each([{}, { url: 'postgres://x', embedded: { directory: '/tmp/x' } }])(
    'not both and not neither: misconfigured %j',
    async where => {
      await expect(openStore({ ...where, migrations: {} })).rejects.toMatchObject({ code: 'misconfigured' })
    },
  )

  test('health follows the server: connections break, then work again', async () => {
    const store = await openStore({ url: await freshDatabase(), migrations: {} })
    expect(await store.healthy()).toBe(true)
    const client = new pg.Client({ connectionString: server.url })
    await client.connect()
    await client.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'littlebox'")
    await client.end()
    await new Promise(done => setTimeout(done, 50))
    expect(await store.healthy()).toBe(true)
    await store.close()
    expect(await store.healthy()).toBe(false)
  })
})
