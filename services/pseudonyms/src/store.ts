/**
 * Domains and transit keys in PostgreSQL. Whoever reads the database learns who may do what where, and sees transit keys
 * as envelopes that only the box opens; there is no identifier, no pseudonym and no point in it.
 */
import { journalMigrations } from '@littlebox/kit/journal'
import type { Migration } from '@littlebox/kit/store'
import type { GeneralJwe } from '@littlebox/pseudonym'
import { type ColumnType, type Generated, type Kysely, sql, type Transaction } from 'kysely'
import type { DomainSettings } from './domains.ts'
import { domains } from './migrations/0001-domains.ts'
import type { TransitKeyRecord } from './transit-keys.ts'

export const migrations: Readonly<Record<string, Migration>> = { pseudonyms_0001: domains, ...journalMigrations }

export type DomainState = 'creating' | 'active' | 'retired'

export interface Database {
  domain: {
    name: string
    state: DomainState
    organisation: string
    settings: ColumnType<DomainSettings, string, string>
    audience: string
    public_key: Uint8Array | null
    created_at: Generated<Date>
    retired_at: Date | null
    version: Generated<bigint>
  }
  domain_clock: { version: bigint }
  transit_key: {
    kid: string
    domain: string
    created_at: Date
    active_from: Date
    tokens: Generated<bigint>
    wrapped: Uint8Array
    encoded: ColumnType<GeneralJwe, string, string>
  }
}

export interface DomainRecord {
  readonly name: string
  readonly settings: DomainSettings
  readonly state: DomainState
  readonly organisation: string
  readonly audience: string
  /** K = kG, compressed; undefined until the creation is finished. */
  readonly publicKey: Uint8Array | undefined
  readonly createdAt: Date
  readonly retiredAt: Date | undefined
  /** Oldest first. */
  readonly transitKeys: readonly TransitKeyRecord[]
}

/** The number of the last change. */
export async function clock(db: Kysely<Database>): Promise<bigint> {
  return (await db.selectFrom('domain_clock').select('version').executeTakeFirstOrThrow()).version
}

/** One clock for all replicas. */
export async function databaseTime(db: Kysely<Database>): Promise<Date> {
  const { rows } = await sql<{ now: Date }>`select clock_timestamp() as now`.execute(db)
  return rows[0]!.now
}

/** The finished domains changed after `version`, in one consistent look. */
export async function changedSince(db: Kysely<Database>, version: bigint): Promise<DomainRecord[]> {
  return db
    .transaction()
    .setIsolationLevel('repeatable read')
    .execute(async tx => {
      const rows = await tx
        .selectFrom('domain')
        .selectAll()
        .where('version', '>', version)
        .where('state', '!=', 'creating')
        .execute()
      if (rows.length === 0) return []
      const names = rows.map(row => row.name)
      const keys = await tx
        .selectFrom('transit_key')
        .selectAll()
        .where('domain', 'in', names)
        .orderBy('active_from')
        .execute()
      return rows.map(row => ({
        name: row.name,
        settings: row.settings,
        state: row.state,
        organisation: row.organisation,
        audience: row.audience,
        publicKey: row.public_key ?? undefined,
        createdAt: row.created_at,
        retiredAt: row.retired_at ?? undefined,
        transitKeys: keys
          .filter(key => key.domain === row.name)
          .map(key => ({
            kid: key.kid,
            createdAt: key.created_at,
            activeFrom: key.active_from,
            tokens: Number(key.tokens),
            wrapped: Uint8Array.from(key.wrapped),
            encoded: key.encoded,
          })),
      }))
    })
}

/**
 * Changes a domain in one transaction, visible to all replicas when it has committed. Changes wait for each other at the
 * clock's only row, which is what makes its number grow in the order of commits.
 */
export async function changing<T>(
  db: Kysely<Database>,
  domain: string,
  work: (tx: Transaction<Database>) => Promise<T>,
): Promise<T> {
  return db.transaction().execute(async tx => {
    const { version } = await tx
      .updateTable('domain_clock')
      .set({ version: sql<bigint>`version + 1` })
      .returning('version')
      .executeTakeFirstOrThrow()
    const result = await work(tx)
    await tx.updateTable('domain').set({ version }).where('name', '=', domain).execute()
    return result
  })
}

export async function addTransitKey(tx: Transaction<Database>, domain: string, key: TransitKeyRecord): Promise<void> {
  await tx
    .insertInto('transit_key')
    .values({
      kid: key.kid,
      domain,
      created_at: key.createdAt,
      active_from: key.activeFrom,
      wrapped: Buffer.from(key.wrapped),
      encoded: JSON.stringify(key.encoded),
    })
    .execute()
}
