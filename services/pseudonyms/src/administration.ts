/**
 * Making and changing domains (pseudonyms.md §6): for administrators of the domain's own organisation. Creation is all or
 * nothing. A row in state `creating` goes in before the box makes the key, so a crash in between leaves a row that says
 * so; the next creation of the same name finishes it with the key that is there, never with a second one. A key that no
 * row explains is an error: a database was lost or restored, and an old key must not silently serve a new domain.
 */
import { type Box, BoxError, type DomainKeyMaker, domainKeyRef, type Grant, type KeyDescription } from '@littlebox/box'
import { compress } from '@littlebox/curve'
import type { Problem } from '@littlebox/kit/problem'
import { clockSkew } from '@littlebox/pseudonym'
import { type Kysely, sql } from 'kysely'
import type { AccessRule } from './access.ts'
import type { Directory, Domain } from './directory.ts'
import { checkCounterparts, checkSettings, type DomainSettings } from './domains.ts'
import { type OwnerKeysOptions, ownerKeys } from './owner-keys.ts'
import { askBox, askDatabase, problem } from './problems.ts'
import { addTransitKey, changing, type Database, databaseTime } from './store.ts'
import { makeTransitKey } from './transit-keys.ts'

export interface Administration {
  create(settings: DomainSettings, organisation: string): Promise<Domain>
  /** The new key's `kid`; it is active at once. */
  rotate(domain: Domain): Promise<string>
  retire(domain: Domain): Promise<Domain>
  setAccessRule(domain: Domain, accessRule: AccessRule): Promise<Domain>
  setQuotas(domain: Domain, quotas: DomainSettings['quotas']): Promise<Domain>
}

export interface AdministrationOptions {
  readonly db: Kysely<Database>
  readonly box: Box & DomainKeyMaker
  readonly grant: Grant
  readonly directory: Directory
  /** The box's key that transit keys are wrapped for. */
  readonly wrapping: KeyDescription
  readonly ownerKeys: OwnerKeysOptions
  /** `<public base URL>/pseudo/v1/domains/<domain>`. */
  readonly audienceOf: (domain: string) => string
}

export function administration(options: AdministrationOptions): Administration {
  const { db, directory, wrapping } = options

  /** Changes a domain's settings by what they are in the database, not by what this replica remembers. */
  async function changeSettings(domain: Domain, change: (settings: DomainSettings) => DomainSettings): Promise<Domain> {
    await askDatabase(() =>
      changing(db, domain.name, async tx => {
        const row = await tx
          .selectFrom('domain')
          .select('settings')
          .where('name', '=', domain.name)
          .where('state', '=', 'active')
          .executeTakeFirst()
        if (!row) throw problem('domain-retired')
        const settings = JSON.stringify(change(row.settings))
        await tx.updateTable('domain').set({ settings }).where('name', '=', domain.name).execute()
      }),
    )
    return reread(directory, domain.name)
  }

  return {
    async create(settings, organisation) {
      checkSettings(settings)
      await askDatabase(() => directory.refresh())
      checkCounterparts(settings, settingsOf(directory))
      const recipients = await ownerKeys(settings.jku, options.ownerKeys)
      await exclusively(db, settings.domain, async connection => {
        await begin(connection, options, settings, organisation)
        const publicKey = await askBox(() => domainKey(options, settings))
        const now = await askDatabase(() => databaseTime(connection))
        // A replica whose clock is behind has no former key to go on with: the first begins as much earlier (§4).
        const begun = new Date(now.getTime() - clockSkew * 1000)
        const transitKey = await makeTransitKey(wrapping, settings.domain, recipients, now, begun)
        await askDatabase(() =>
          changing(connection, settings.domain, async tx => {
            await tx
              .updateTable('domain')
              .set({
                state: 'active',
                settings: JSON.stringify(settings),
                audience: options.audienceOf(settings.domain),
                public_key: Buffer.from(publicKey),
              })
              .where('name', '=', settings.domain)
              .where('state', '=', 'creating')
              .execute()
            await addTransitKey(tx, settings.domain, transitKey)
          }),
        )
      })
      return reread(directory, settings.domain)
    },

    async rotate(domain) {
      if (domain.state !== 'active') throw problem('domain-retired')
      const recipients = await ownerKeys(domain.settings.jku, options.ownerKeys)
      const kid = await askDatabase(() =>
        changing(db, domain.name, async tx => {
          // By this replica's own clock a key that others seal with already may still be to come.
          const now = await databaseTime(tx)
          const key = await makeTransitKey(wrapping, domain.name, recipients, now, now)
          // A successor that was announced and has not begun would take over from this one: it goes.
          await tx.deleteFrom('transit_key').where('domain', '=', domain.name).where('active_from', '>', now).execute()
          await addTransitKey(tx, domain.name, key)
          return key.kid
        }),
      )
      await reread(directory, domain.name)
      return kid
    },

    async retire(domain) {
      await askDatabase(() =>
        changing(db, domain.name, tx =>
          tx
            .updateTable('domain')
            .set({ state: 'retired', retired_at: sql<Date>`coalesce(retired_at, now())` })
            .where('name', '=', domain.name)
            .execute(),
        ),
      )
      return reread(directory, domain.name)
    },

    setAccessRule: (domain, accessRule) =>
      changeSettings(domain, settings => {
        const changed = { ...settings, accessRule }
        checkSettings(changed)
        checkCounterparts(changed, settingsOf(directory))
        return changed
      }),

    setQuotas: (domain, quotas) => changeSettings(domain, settings => ({ ...settings, quotas })),
  }
}

/** The row that says that this domain's creation has begun, and by whom. */
async function begin(
  db: Kysely<Database>,
  { box, audienceOf }: AdministrationOptions,
  settings: DomainSettings,
  organisation: string,
) {
  const { domain, crv, back } = settings
  const known = await askDatabase(() =>
    db.selectFrom('domain').select(['state', 'organisation', 'settings']).where('name', '=', domain).executeTakeFirst(),
  )
  if (known && (known.state !== 'creating' || known.organisation !== organisation)) throw exists(domain)
  if (known && (known.settings.crv !== crv || known.settings.back !== back))
    throw problem('creation-unfinished', {
      detail: `It was begun with crv ${known.settings.crv} and back ${known.settings.back}: repeat it with these.`,
    })
  if (known) return
  const orphan = await askBox(() => describeForward(box, domain))
  if (orphan)
    throw problem('key-without-domain', {
      detail: `Restore the database that ${domain} stands in, or choose another name.`,
    })
  await askDatabase(() =>
    db
      .insertInto('domain')
      .values({
        name: domain,
        state: 'creating',
        organisation,
        settings: JSON.stringify(settings),
        audience: audienceOf(domain),
      })
      .execute(),
  )
}

/** K, compressed, of the key that is there or is made now; both halves active. */
async function domainKey({ box, grant }: AdministrationOptions, { domain, crv, back }: DomainSettings) {
  const made =
    (await describeForward(box, domain)) ??
    (await box.createDomainKey({ domain, version: 1, curve: crv, back }, grant)).forward
  if (made.purpose !== 'multiply') throw problem('key-without-domain')
  for (const direction of back ? (['forward', 'back'] as const) : (['forward'] as const)) {
    const key = domainKeyRef(domain, direction, 1)
    const { state } = await box.describe(key)
    if (state === 'pre-activation') await box.change(key, { to: 'active' }, grant)
  }
  return compress(made.point)
}

async function describeForward(box: Box, domain: string): Promise<KeyDescription | undefined> {
  return box.describe(domainKeyRef(domain, 'forward', 1)).catch((error: unknown) => {
    if (error instanceof BoxError && error.code === 'no-such-key') return undefined
    throw error
  })
}

/**
 * One creation of a name at a time, on all replicas: a lock that ends with its connection. `work` is done on the same
 * connection: creations that each held one and waited for another would use up the pool and wait for ever.
 */
async function exclusively(
  db: Kysely<Database>,
  domain: string,
  work: (connection: Kysely<Database>) => Promise<void>,
): Promise<void> {
  await db.connection().execute(async connection => {
    const lock = sql<{ taken: boolean }>`select pg_try_advisory_lock(${lockClass}, hashtext(${domain})) as taken`
    const { rows } = await askDatabase(() => lock.execute(connection))
    if (rows[0]?.taken !== true) throw exists(domain)
    try {
      await work(connection)
    } finally {
      await askDatabase(() => sql`select pg_advisory_unlock(${lockClass}, hashtext(${domain}))`.execute(connection))
    }
  })
}

/** Any number, the same for all replicas of this service and for nobody else's locks. */
const lockClass = 1_279_873_076

function* settingsOf(directory: Directory): Iterable<DomainSettings> {
  for (const { state, settings } of directory.all()) if (state === 'active') yield settings
}

async function reread(directory: Directory, name: string): Promise<Domain> {
  await askDatabase(() => directory.refresh())
  return directory.find(name)!
}

function exists(domain: string): Problem {
  return problem('domain-exists', { detail: `${domain} exists, or is being created.` })
}
