/**
 * What the journal is told of a request (pseudonyms.md §7): every use and every refusal, with who asked, where, how many
 * points and how it ended. Never a point, a token or a name that only a caller has given: a domain is named once it is
 * known to exist. An answer goes out when its event is durable; what can't be recorded is answered 503.
 */
import type { Caller } from '@littlebox/kit/caller'
import type { Journal, JournalEvent } from '@littlebox/kit/journal'
import type { Problem } from '@littlebox/kit/problem'
import { askDatabase } from './problems.ts'

/** What is known of a request so far; filled in as it is checked. */
export interface Request {
  readonly operation: string
  readonly type: 'use' | 'administration'
  readonly correlation: string
  caller?: Caller
  domain?: string
  to?: string
  /** Those still asked for: refused ones are not among them. */
  points?: number
  /** Of each reason, how many points were refused. */
  refusals?: ReadonlyMap<string, number>
}

export interface Recorder {
  /** Its points succeeded. With this, as with a refusal of them all, go the refusals of single points. */
  done(request: Request): Promise<void>
  refused(request: Request, reason: Problem): Promise<void>
}

export function recorder(journal: Journal): Recorder {
  const append = (request: Request, rest: Pick<JournalEvent, 'outcome' | 'reason' | 'points'>) => {
    const { operation, type, correlation, caller, domain, to } = request
    return askDatabase(() =>
      journal.append({
        at: new Date(),
        service: 'pseudonyms',
        type,
        operation,
        correlation,
        caller: caller?.clientId,
        organisation: caller?.organisation,
        domain,
        to,
        ...rest,
      }),
    )
  }
  const refusals = (request: Request) =>
    [...(request.refusals ?? [])].map(([reason, points]) => append(request, { outcome: 'refused', reason, points }))
  return {
    async done(request) {
      const { points } = request
      await Promise.all([...refusals(request), ...(points === 0 ? [] : [append(request, { outcome: 'done', points })])])
    },

    async refused(request, reason) {
      const outcome = reason.status >= 500 ? 'failed' : 'refused'
      const whole = append(request, { outcome, reason: reason.code, points: request.points })
      const recorded = Promise.all([...refusals(request), whole])
      // What has failed anyway is answered as it failed, recorded or not: nothing was given.
      await (outcome === 'failed' ? recorded.catch(() => undefined) : recorded)
    },
  }
}
