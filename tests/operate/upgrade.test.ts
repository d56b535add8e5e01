import { type EmbeddedPostgres, type Migration, openStore, startTemporaryPostgres } from '@littlebox/kit/store'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

// docs/operate/upgrade.md: what an old and a new replica do with one database.

const making = (table: string): Migration => ({
  up: db => db.schema.createTable(table).addColumn('name', 'text').execute(),
})
const former = { pseudonyms_0001: making('domain') }
const latter = { ...former, pseudonyms_0002: making('attribute') }
let postgres: EmbeddedPostgres

beforeAll(async () => {
  postgres = await startTemporaryPostgres()
})

afterAll(() => postgres?.stop())

describe('a release that adds a migration', () => {
  it('replicas of the former release go on while one of the latter has migrated', async () => {
    const old = await openStore<{ domain: { name: string } }>({ url: postgres.url, migrations: former })
    const young = await openStore({ url: postgres.url, migrations: latter })
    await old.db.insertInto('domain').values({ name: 'prescriptions_v1' }).execute()
    expect(await old.healthy()).toBe(true)
    await Promise.all([old.close(), young.close()])
  })

  it('a replica of the former release starts beside it, and leaves the expansion as it is', async () => {
    const old = await openStore<{ domain: { name: string } }>({ url: postgres.url, migrations: former })
    expect(await old.db.selectFrom('domain').selectAll().execute()).toEqual([{ name: 'prescriptions_v1' }])
    const { rows } = await old.pool.query('select name from kysely_migration order by name')
    expect(rows.map(({ name }) => name)).toEqual(['pseudonyms_0001', 'pseudonyms_0002'])
    await old.close()
    await (await openStore({ url: postgres.url, migrations: latter })).close()
  })
})
