/**
 * PostgreSQL for a service: one pool, Kysely on it, migrations brought up to date before anybody gets hold of it.
 *
 * Either the operator's server (`url`) or one run beside the service (`embedded`). 64-bit integers come as BigInt.
 * Every statement has a deadline. Errors name what to do and hold no row. The database itself is never created at a
 * `url`; an embedded one only with the symbol `createWhenMissing`.
 *
 * Does not protect: encryption to the operator's server is decided by the URL's `sslmode`.
 */

import { Kysely, PostgresDialect, sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import pg from 'pg'
import { type EmbeddedOptions, startEmbeddedPostgres } from './embedded.ts'
import { StoreError } from './store-error.ts'

export { type CoalesceBounds, type Coalesced, coalesce } from './coalesce.ts'
export {
  createWhenMissing,
  type EmbeddedOptions,
  type EmbeddedPostgres,
  startEmbeddedPostgres,
  startTemporaryPostgres,
} from './embedded.ts'
export { StoreError, type StoreErrorCode } from './store-error.ts'
export type { Migration }

export interface StoreOptions {
  /** `postgres://user:password@host/database`; exactly one of `url` and `embedded`. */
  readonly url?: string | undefined
  readonly embedded?: EmbeddedOptions | undefined
  /** By name. A package's own names have its prefix (`journal_0001`), so that several go into one database. */
  readonly migrations: Readonly<Record<string, Migration>>
  /** Connections at most; 10 when left out. */
  readonly connections?: number
}

export interface Store<Database> {
  readonly db: Kysely<Database>
  readonly pool: pg.Pool
  /** Does the database answer within two seconds? */
  healthy(): Promise<boolean>
  /** Waits for what is under way, then stops an embedded server as well. */
  close(): Promise<void>
}

const int8 = 20
const connectMs = 5_000
const statementMs = 15_000
const healthMs = 2_000

/** @throws StoreError `misconfigured`, `unreachable`, `migration-failed`, and those of `startEmbeddedPostgres` */
export async function openStore<Database>(options: StoreOptions): Promise<Store<Database>> {
  if ((options.url === undefined) === (options.embedded === undefined)) {
    throw new StoreError('misconfigured', 'A store needs either a database URL or a directory for an embedded one.')
  }
  const embedded = options.embedded === undefined ? undefined : await startEmbeddedPostgres(options.embedded)
  const url = options.url ?? embedded?.url ?? ''
  try {
    await migrate(url, options.migrations)
    const pool = openPool(url, { max: options.connections ?? 10, statement_timeout: statementMs })
    const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) })
    return {
      db,
      pool,
      healthy: () => answers(pool),
      async close() {
        await db.destroy()
        if (!pool.ended) await pool.end()
        await embedded?.stop()
      },
    }
  } catch (error) {
    await embedded?.stop()
    throw error
  }
}

/** Kysely's migrator holds an advisory lock: of several replicas that start at once, one migrates, the others wait. */
async function migrate(url: string, migrations: Readonly<Record<string, Migration>>): Promise<void> {
  // A pool of its own, without the deadline for statements: building an index takes as long as it takes.
  const pool = openPool(url, { max: 2 })
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
  try {
    await refuseUnsafe(db)
    const provider = { getMigrations: async () => ({ ...(await appliedByNewer(db)), ...migrations }) }
    // Unordered: names of several packages share one table, and each grows on its own.
    const migrator = new Migrator({ db, provider, allowUnorderedMigrations: true })
    const { error, results } = await migrator.migrateToLatest()
    if (error !== undefined) {
      const failed = results?.find(result => result.status === 'Error')?.migrationName
      const which = failed === undefined ? 'The migrations' : `Migration ${failed}`
      throw new StoreError('migration-failed', `${which} could not be applied; nothing was changed.`, { cause: error })
    }
  } finally {
    await db.destroy()
  }
}

/**
 * What the database has had already, as steps that are never run again: a newer release may have been here, whose
 * changes an older one can live with (expand, then contract), and may not be able to name.
 */
async function appliedByNewer(db: Kysely<unknown>): Promise<Record<string, Migration>> {
  const found = await sql<{ present: boolean }>`select to_regclass('kysely_migration') is not null as present`.execute(
    db,
  )
  if (!found.rows[0]?.present) return {}
  const { rows } = await sql<{ name: string }>`select name from kysely_migration`.execute(db)
  const nothing: Migration = { up: async () => undefined }
  return Object.fromEntries(rows.map(({ name }) => [name, nothing]))
}

async function refuseUnsafe(db: Kysely<unknown>): Promise<void> {
  const query = sql<{ fsync: string }>`select current_setting('fsync') as fsync`
  const { rows } = await query.execute(db).catch((cause: unknown) => {
    throw new StoreError('unreachable', 'The database does not answer. Check DATABASE_URL and the server.', { cause })
  })
  if (rows[0]?.fsync !== 'on') throw new StoreError('misconfigured', 'The database must run with fsync on.')
}

function openPool(url: string, limits: { max: number; statement_timeout?: number }): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    connectionTimeoutMillis: connectMs,
    idleTimeoutMillis: 30_000,
    application_name: 'littlebox',
    keepAlive: true,
    // Durable when it returns, whatever the server's default.
    options: '-c synchronous_commit=on',
    types: {
      getTypeParser: (oid, format) =>
        oid === int8 && format !== 'binary' ? BigInt : pg.types.getTypeParser(oid, format ?? 'text'),
    },
    // The server's deadline ends the statement; ours ends the waiting when the server itself is gone.
    ...(limits.statement_timeout && { query_timeout: limits.statement_timeout + 5_000 }),
    ...limits,
  })
  // A connection that breaks while idle leaves the pool; whoever needs one next gets another, or the error. Without a
  // listener Node would end the process.
  pool.on('error', () => undefined)
  // The same while somebody holds it and asks nothing: what is asked next fails, and that is where it is seen.
  pool.on('connect', client => {
    client.on('error', () => undefined)
  })
  return pool
}

async function answers(pool: pg.Pool): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>(done => {
    timer = setTimeout(done, healthMs, false)
  })
  const answer = pool.query('select 1').then(
    () => true,
    () => false,
  )
  return Promise.race([answer, late]).finally(() => clearTimeout(timer))
}
