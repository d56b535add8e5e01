/**
 * What stands between a request and the box, item by item (pseudonyms.md §13): the point is on the domain's curve and not
 * the identity, the transit information was made for this domain and is in time, its subject is the caller. A failed item
 * is a problem at its index. Nothing here multiplies by a key.
 */
import type { Engine } from '@littlebox/curve'
import type { Caller } from '@littlebox/kit/caller'
import { Problem } from '@littlebox/kit/problem'
import { openTransit, PseudonymError } from '@littlebox/pseudonym'
import type { Domain } from './directory.ts'
import { encodingOf, type ReadItem, readItem } from './items.ts'
import type { Accepted, Operation } from './operations.ts'
import { problem } from './problems.ts'

/** In the order of the inputs. */
export interface Checked {
  readonly outcomes: readonly (Accepted | Problem)[]
  /** The id of each input that has one, for `inResponseTo`. */
  readonly ids: readonly (string | undefined)[]
}

export async function checkItems(
  engine: Engine,
  operation: Operation,
  caller: Caller,
  inputs: readonly unknown[],
  now: number,
): Promise<Checked> {
  const { domain } = operation
  const items = inputs.map(readItem)
  const points = await engine.parse(
    domain.curve,
    items.map(item => (item instanceof Problem ? none : encodingOf(domain.curve, item))),
  )
  const outcomes = items.map((item, i): Accepted | Problem => {
    if (item instanceof Problem) return item
    const point = points[i]
    if (!point) return problem('invalid-point', { detail: `x and y are no point of ${domain.curve}.` })
    const transit = openItem(operation, caller, item, now)
    return transit instanceof Problem ? transit : { id: item.id, point, ...transit }
  })
  return { outcomes, ids: items.map(item => (item instanceof Problem ? undefined : item.id)) }
}

const none = new Uint8Array()
const nothing = { scalar: undefined, subject: undefined }

/** Longer than any token this service makes; custom entries included. */
const longestTransitInfo = 8192

function openItem(
  { kind, domain }: Operation,
  caller: Caller,
  { transitInfo }: ReadItem,
  now: number,
): Pick<Accepted, 'scalar' | 'subject'> | Problem {
  if (kind === 'pseudonymize') return nothing
  if (transitInfo === undefined) {
    if (kind === 'identify') return invalid()
    // §7: at rest, a pseudonym's only protection is that the owner alone has it.
    return domain.isOwner(caller.clientId) ? nothing : problem('owner-only', { detail: atRest })
  }
  const opened = openAny(domain, transitInfo, now)
  if (!opened) return invalid()
  if (opened.subject !== undefined && opened.subject !== caller.subject) return problem('wrong-subject')
  return { scalar: opened.scalar, subject: opened.subject }
}

function openAny(domain: Domain, transitInfo: string, now: number) {
  if (transitInfo.length > longestTransitInfo) return undefined
  try {
    return openTransit(domain, domain.openingKeys(now), transitInfo, Math.floor(now / 1000))
  } catch (error) {
    if (error instanceof PseudonymError) return undefined
    throw error
  }
}

const atRest = 'A pseudonym at rest (without transitInfo) is converted for the owner’s own client only.'

/** One wording for every cause: which check failed tells an attacker how far he got. */
function invalid(): Problem {
  return problem('invalid-transit-info', { detail: 'It is expired, changed, missing, or not made for this domain.' })
}
