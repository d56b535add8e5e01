/**
 * What this service answers when it can't do what was asked: one table, RFC 9457 (pseudonyms.md §13). And how the errors
 * of box and database become problems: a box or a database that is away is 503 and never a wrong or unrecorded answer.
 */
import { BoxError, type BoxErrorCode } from '@littlebox/box'
import { CurveError } from '@littlebox/curve'
import { JournalError } from '@littlebox/kit/journal'
import { defineProblems, Problem } from '@littlebox/kit/problem'

export const problem = defineProblems({
  'invalid-item': { status: 400, title: 'The item does not fit its description' },
  'invalid-point': { status: 400, title: 'Not a point of the domain’s curve' },
  'invalid-transit-info': { status: 400, title: 'The transit information is not valid' },
  'invalid-access-rule': { status: 400, title: 'The access rule can’t be used' },
  'invalid-owner-keys': { status: 400, title: 'The owner’s keys can’t be used' },
  'no-right': { status: 403, title: 'No rule of the domain allows this' },
  'owner-only': { status: 403, title: 'Only the domain’s owner may do this' },
  'wrong-subject': { status: 403, title: 'The pseudonym in transit is for somebody else' },
  'administrators-only': { status: 403, title: 'This needs the role domain-admin' },
  'unknown-domain': { status: 404, title: 'There is no such domain' },
  'domain-exists': { status: 409, title: 'There is a domain of this name' },
  'creation-unfinished': { status: 409, title: 'A creation of this domain was not finished' },
  'key-without-domain': { status: 409, title: 'The box holds a key of this name that no domain explains' },
  'no-way-back': { status: 409, title: 'The domain has no way back' },
  'unlike-domains': { status: 409, title: 'The domains can’t be converted into each other' },
  'not-evaluable': { status: 409, title: 'The domain does not evaluate' },
  'key-not-active': { status: 409, title: 'The domain’s key may not be used so' },
  'domain-retired': { status: 410, title: 'The domain is retired' },
  'over-quota': { status: 429, title: 'Over the quota' },
  busy: { status: 503, title: 'Too much at once' },
  'box-away': { status: 503, title: 'The box does not answer' },
  'database-away': { status: 503, title: 'The database does not answer' },
  'transit-key-exhausted': { status: 503, title: 'The domain’s transit key has made as many tokens as it may' },
})

/** What `work` gives; its failure as a problem of the box. */
export async function askBox<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    const code =
      cause instanceof BoxError ? boxProblems[cause.code] : cause instanceof CurveError ? 'box-away' : undefined
    if (code === undefined) throw cause
    throw problem(code, { cause, ...(code === 'box-away' || code === 'busy' ? later : {}) })
  }
}

/** What `work` gives; its failure as the database's absence, unless it is a problem already. */
export async function askDatabase<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    // What the journal does not take is a defect here, not an absence.
    if (cause instanceof Problem || cause instanceof JournalError) throw cause
    throw databaseAway(cause)
  }
}

export function databaseAway(cause?: unknown): Problem {
  return problem('database-away', { cause, ...later })
}

const later = { headers: { 'retry-after': '2' } }

const boxProblems: Partial<Readonly<Record<BoxErrorCode, 'box-away' | 'busy' | 'key-not-active' | 'invalid-point'>>> = {
  'no-such-key': 'box-away',
  'wrong-state': 'key-not-active',
  'bad-input': 'invalid-point',
  busy: 'busy',
  'box-away': 'box-away',
  'box-locked': 'box-away',
  'pin-refused': 'box-away',
  'inconsistent-answer': 'box-away',
  'ledger-away': 'box-away',
  'state-unknown': 'box-away',
}
