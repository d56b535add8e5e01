/**
 * What happened, for those who answer for it: who did what in which domain, how much, and how it ended.
 *
 * Fields are a closed list with strict patterns: no points, no tokens, no persons. `append` resolves when the event is
 * durable; events that come while a commit is under way share the next one. What waits is bounded: over it the answer
 * is 503 `journal-busy`, since work that can't be recorded is not done. The ledger takes over behind `Journal`.
 *
 * Whoever reads the table learns who asked for how many points, when. Does not protect against who may write to the
 * database: rows here are not chained; that is the ledger's.
 */

import { type Kysely, sql } from 'kysely'
import type { Migration } from 'kysely/migration'
import { z } from 'zod'
import { coalesce } from './coalesce.ts'
import { defineProblems } from './problem.ts'
import { isCode, isCorrelation, isName, isParty } from './record-fields.ts'

const name = z.string().refine(isName)
const party = z.string().refine(isParty)
const code = z.string().refine(isCode)

/** Strict: an unknown field is refused, not dropped, so that it is noticed where it is made. */
const journalEvent = z.strictObject({
  at: z.date(),
  service: code,
  type: code,
  outcome: z.enum(['done', 'refused', 'failed']),
  /** Client id */
  caller: party.optional(),
  organisation: party.optional(),
  domain: name.optional(),
  /** The domain that a conversion goes to. */
  to: name.optional(),
  operation: name.optional(),
  /** How many. */
  points: z.int().min(0).max(1_000_000).optional(),
  /** The code of the problem that was answered. */
  reason: code.optional(),
  correlation: z.string().refine(isCorrelation).optional(),
})

export type JournalEvent = z.infer<typeof journalEvent>

export interface Journal {
  /**
   * Resolves when the event is durable.
   * @throws JournalError `invalid-event`; Problem `journal-busy` when too many wait; the database's error
   */
  append(event: JournalEvent): Promise<void>
}

/** Names the fields that don't fit, never their values. */
export class JournalError extends Error {
  override readonly name = 'JournalError'
  readonly code = 'invalid-event'

  constructor(fields: readonly string[]) {
    super(`The journal takes no such event: ${fields.join(', ')}`)
  }
}

export const journalProblem = defineProblems({
  'journal-busy': { status: 503, title: 'The journal is busy' },
})

/** Into `openStore`'s migrations, beside the service's own. */
export const journalMigrations: Readonly<Record<string, Migration>> = {
  journal_0001: {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable('journal')
        .addColumn('id', 'bigint', column => column.primaryKey().generatedAlwaysAsIdentity())
        .addColumn('at', 'timestamptz', column => column.notNull())
        .addColumn('service', 'text', column => column.notNull())
        .addColumn('type', 'text', column => column.notNull())
        .addColumn('outcome', 'text', column => column.notNull())
        .addColumn('caller', 'text')
        .addColumn('organisation', 'text')
        .addColumn('domain', 'text')
        .addColumn('to', 'text')
        .addColumn('operation', 'text')
        .addColumn('points', 'integer')
        .addColumn('reason', 'text')
        .addColumn('correlation', 'uuid')
        .execute()
      await db.schema.createIndex('journal_at').on('journal').column('at').execute()
    },
  },
}

const waitingEvents = 4096
const eventsPerCommit = 512

export function postgresJournal<Database>(db: Kysely<Database>): Journal {
  const commits = coalesce((events: readonly JournalEvent[]) => insert(db, events), {
    waiting: waitingEvents,
    batch: eventsPerCommit,
    busy: () => journalProblem('journal-busy', { headers: { 'retry-after': '1' } }),
  })
  return {
    async append(event) {
      const parsed = journalEvent.safeParse(event)
      if (!parsed.success) throw new JournalError(fieldsOf(parsed.error))
      await commits.submit(parsed.data)
    },
  }
}

/** One statement of one shape whatever the number of rows, and one commit: durable when it returns. */
async function insert<Database>(db: Kysely<Database>, events: readonly JournalEvent[]): Promise<readonly undefined[]> {
  const column = <Key extends keyof JournalEvent>(key: Key) => events.map(event => event[key] ?? null)
  await sql`
    insert into journal
      (at, service, type, outcome, caller, organisation, domain, "to", operation, points, reason, correlation)
    select * from unnest(
      ${events.map(event => event.at.toISOString())}::timestamptz[], ${column('service')}::text[],
      ${column('type')}::text[], ${column('outcome')}::text[], ${column('caller')}::text[],
      ${column('organisation')}::text[], ${column('domain')}::text[], ${column('to')}::text[],
      ${column('operation')}::text[], ${column('points')}::int[], ${column('reason')}::text[],
      ${column('correlation')}::uuid[])`.execute(db)
  return events.map(() => undefined)
}

function fieldsOf(error: z.ZodError): string[] {
  return error.issues.map(issue => (issue.code === 'unrecognized_keys' ? 'an unknown field' : issue.path.join('.')))
}
