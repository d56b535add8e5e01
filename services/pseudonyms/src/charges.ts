/**
 * Balances of quotas in PostgreSQL, exact across replicas and restarts: requests that wait while a commit is under way
 * share the next transaction, which locks their rows in one order (so replicas never lock each other out), decides by
 * quotas.ts and writes back. Time is the database's, one clock for all replicas. A row that was deleted is made again
 * before anything is decided: a balance that can't be written is never taken for a full one.
 *
 * The commit does not wait for the disk: the request's event in the journal is committed later and does, and PostgreSQL's
 * log is written in order, so no answer goes out before its charge is durable. A crash in between forgets charges only of
 * requests that were never answered.
 */
import { coalesce } from '@littlebox/kit/store'
import { type Kysely, sql } from 'kysely'
import { databaseAway, problem } from './problems.ts'
import { type Balance, charge, giveBack, type Quotas } from './quotas.ts'

export interface Charge {
  readonly caller: string
  readonly organisation: string
  readonly domain: string
  readonly operation: string
  readonly points: number
  readonly quotas: Quotas
}

export type Charged =
  | {
      readonly granted: true
      /** When nothing was given for it. The database's error. */
      refund(): Promise<unknown>
    }
  /** `retryAfter` in seconds. */
  | { readonly granted: false; readonly retryAfter: number }

export interface Charges {
  /** All the points of a request or none. Problem `busy` when too many wait; the database's error. */
  charge(request: Charge): Promise<Charged>
}

export function charges<Database>(db: Kysely<Database>): Charges {
  const known = new Set<string>()
  const commits = coalesce((requests: readonly (Charge | Refund)[]) => settle(db, known, requests), {
    waiting: 4096,
    batch: 512,
    busy: () => problem('busy', { headers: { 'retry-after': '1' } }),
  })
  return {
    async charge(request) {
      const decided = await commits.submit(request)
      if (!decided.granted) return decided
      return { granted: true, refund: () => commits.submit({ ...request, chargedAt: decided.at }) }
    },
  }
}

/** A charge to be given back. */
interface Refund extends Charge {
  readonly chargedAt: number
}

/** `at` is in ms since 1970. */
type Decided =
  | { readonly granted: true; readonly at: number }
  | { readonly granted: false; readonly retryAfter: number }

interface Holder {
  readonly kind: 'caller' | 'organisation'
  readonly holder: string
  readonly domain: string
  readonly operation: string
}

interface Row extends Holder {
  readonly level: number | null
  readonly at: number
  readonly day: number
  readonly used: number
  readonly now: number
}

const knownAtMost = 100_000

async function settle<Database>(
  db: Kysely<Database>,
  known: Set<string>,
  requests: readonly (Charge | Refund)[],
): Promise<Decided[]> {
  const holders = new Map(requests.flatMap(holdersOf))
  await open(db, known, holders)
  const decided = await decide(db, holders, requests)
  if (decided) return decided
  known.clear()
  await open(db, known, holders)
  const again = await decide(db, holders, requests)
  if (!again) throw databaseAway()
  return again
}

/** undefined when there is not a row for every holder. */
function decide<Database>(
  db: Kysely<Database>,
  holders: ReadonlyMap<string, Holder>,
  requests: readonly (Charge | Refund)[],
): Promise<Decided[] | undefined> {
  return db.transaction().execute(async tx => {
    const { rows } = await sql<Row>`
      select b.kind, b.holder, b.domain, b.operation, b.level, b.at, b.day, b.used,
        (extract(epoch from clock_timestamp()) * 1000)::float8 as now, set_config('synchronous_commit', 'off', true)
      from balance b join ${unnest([...holders.values()])} as v(kind, holder, domain, operation)
        using (kind, holder, domain, operation)
      order by b.kind, b.holder, b.domain, b.operation
      for update of b`.execute(tx)
    if (rows.length !== holders.size) return undefined
    const balances = new Map<string, Balance | undefined>()
    for (const row of rows)
      balances.set(
        keyOf(row),
        row.level === null ? undefined : { level: row.level, at: row.at, day: row.day, used: row.used },
      )
    const { now } = rows.at(-1)!
    const changed = new Map<string, Balance>()
    const results = requests.map(request => {
      const result = 'chargedAt' in request ? refunded(balances, request, now) : spent(balances, request, now)
      if (!result.granted) return result
      for (const [key, balance] of result.balances) {
        balances.set(key, balance)
        changed.set(key, balance)
      }
      return { granted: true, at: now } as const
    })
    if (changed.size > 0) await write(tx, holders, changed)
    return results
  })
}

type Balances = ReadonlyMap<string, Balance | undefined>
type Settled = { readonly granted: true; readonly balances: readonly (readonly [key: string, Balance])[] }

/** From both holders or from none. */
function spent(before: Balances, request: Charge, now: number): Settled | Extract<Decided, { granted: false }> {
  const balances: [string, Balance][] = []
  let retryAfter = 0
  for (const [key, { kind }] of holdersOf(request)) {
    const verdict = charge(before.get(key), request.quotas[kind], request.points, now)
    if (verdict.granted) balances.push([key, verdict.balance])
    else retryAfter = Math.max(retryAfter, verdict.retryAfter)
  }
  return retryAfter > 0 ? { granted: false, retryAfter } : { granted: true, balances }
}

function refunded(before: Balances, { points, chargedAt, ...request }: Refund, now: number): Settled {
  const balances = holdersOf(request).map(
    ([key, { kind }]) => [key, giveBack(before.get(key), request.quotas[kind], points, chargedAt, now)] as const,
  )
  return { granted: true, balances }
}

/** Rows that were never seen are made in a transaction of their own: the one that decides only ever locks in order. */
async function open<Database>(db: Kysely<Database>, known: Set<string>, holders: ReadonlyMap<string, Holder>) {
  const unknown = [...holders].filter(([key]) => !known.has(key)).sort(([a], [b]) => (a < b ? -1 : 1))
  if (unknown.length === 0) return
  await sql`
    insert into balance (kind, holder, domain, operation)
    select * from ${unnest(unknown.map(([, holder]) => holder))} on conflict do nothing`.execute(db)
  if (known.size > knownAtMost) known.clear()
  for (const [key] of unknown) known.add(key)
}

async function write<Database>(
  db: Kysely<Database>,
  holders: ReadonlyMap<string, Holder>,
  changed: ReadonlyMap<string, Balance>,
): Promise<void> {
  const balances = [...changed.values()]
  await sql`
    update balance b set level = v.level, at = v.at, day = v.day, used = v.used
    from ${unnest([...changed.keys()].map(key => holders.get(key)!))} with ordinality as h(kind, holder, domain, operation, n)
    join unnest(
      ${balances.map(one => one.level)}::float8[], ${balances.map(one => one.at)}::float8[],
      ${balances.map(one => one.day)}::int[], ${balances.map(one => one.used)}::float8[]
    ) with ordinality as v(level, at, day, used, n) using (n)
    where b.kind = h.kind and b.holder = h.holder and b.domain = h.domain and b.operation = h.operation`.execute(db)
}

function unnest(holders: readonly Holder[]) {
  return sql`unnest(
    ${holders.map(one => one.kind)}::text[], ${holders.map(one => one.holder)}::text[],
    ${holders.map(one => one.domain)}::text[], ${holders.map(one => one.operation)}::text[])`
}

function holdersOf({
  caller,
  organisation,
  domain,
  operation,
}: Omit<Charge, 'points'>): [key: string, holder: Holder][] {
  const holders: Holder[] = [
    { kind: 'caller', holder: caller, domain, operation },
    { kind: 'organisation', holder: organisation, domain, operation },
  ]
  return holders.map(holder => [keyOf(holder), holder])
}

function keyOf({ kind, holder, domain, operation }: Holder): string {
  return JSON.stringify([kind, holder, domain, operation])
}
