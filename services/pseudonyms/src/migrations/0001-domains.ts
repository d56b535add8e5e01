/**
 * Domains with their transit keys (wrapped under the box's key), and what is left of everybody's quotas. `domain_clock`
 * has one row: every change of a domain takes its next number, so that replicas see by one number whether anything has
 * changed, and changes become visible in the order of their numbers.
 */
import type { Migration } from '@littlebox/kit/store'
import { type Kysely, sql } from 'kysely'

export const domains: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable('domain')
      .addColumn('name', 'text', column => column.primaryKey())
      .addColumn('state', 'text', column => column.notNull().check(sql`state in ('creating', 'active', 'retired')`))
      .addColumn('organisation', 'text', column => column.notNull())
      .addColumn('settings', 'jsonb', column => column.notNull())
      .addColumn('audience', 'text', column => column.notNull())
      .addColumn('public_key', 'bytea')
      .addColumn('created_at', 'timestamptz', column => column.notNull().defaultTo(sql`now()`))
      .addColumn('retired_at', 'timestamptz')
      .addColumn('version', 'bigint', column => column.notNull().defaultTo(0))
      .execute()
    await db.schema
      .createTable('domain_clock')
      .addColumn('version', 'bigint', column => column.notNull())
      .execute()
    await sql`insert into domain_clock values (0)`.execute(db)
    await db.schema
      .createTable('transit_key')
      .addColumn('kid', 'uuid', column => column.primaryKey())
      .addColumn('domain', 'text', column => column.notNull().references('domain.name'))
      .addColumn('created_at', 'timestamptz', column => column.notNull())
      .addColumn('active_from', 'timestamptz', column => column.notNull())
      .addColumn('tokens', 'bigint', column => column.notNull().defaultTo(0))
      .addColumn('wrapped', 'bytea', column => column.notNull())
      .addColumn('encoded', 'jsonb', column => column.notNull())
      .execute()
    await db.schema.createIndex('transit_key_domain').on('transit_key').column('domain').execute()
    await db.schema
      .createTable('balance')
      .addColumn('kind', 'text', column => column.notNull())
      .addColumn('holder', 'text', column => column.notNull())
      .addColumn('domain', 'text', column => column.notNull())
      .addColumn('operation', 'text', column => column.notNull())
      .addColumn('level', 'double precision')
      .addColumn('at', 'double precision')
      .addColumn('day', 'integer')
      .addColumn('used', 'double precision')
      .addPrimaryKeyConstraint('balance_holder', ['kind', 'holder', 'domain', 'operation'])
      .execute()
    // Balances are updated all the time: room on the page keeps those updates from touching the index.
    await sql`alter table balance set (fillfactor = 50)`.execute(db)
  },
}
