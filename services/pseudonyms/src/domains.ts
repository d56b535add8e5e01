/**
 * What a domain is: a name, a key in the box, an owner, and rules that are checked when it is configured. Domains differ
 * in two things (pseudonyms.md §2): how values become points, and whether there is a way back. A conversion needs the
 * same curve and encoding on both sides and a source with a way back; what can't work is refused here, before anybody
 * relies on it, and again at use (409).
 */
import { type CurveName, curve, maxValueLength } from '@littlebox/curve'
import type { Problem } from '@littlebox/kit/problem'
import { type Encoding, PseudonymError, parseDuration, type ValueFormat } from '@littlebox/pseudonym'
import { type Access, type AccessRule, readAccessRule } from './access.ts'
import { ClaimPathError } from './claim-path.ts'
import { problem } from './problems.ts'
import type { Limit } from './quotas.ts'

/** What an administrator decides. */
export interface DomainSettings {
  readonly domain: string
  readonly description: string
  readonly crv: CurveName
  readonly encoding: Encoding
  readonly valueFormat: ValueFormat
  /** Whether it has k⁻¹: may anything be identified in it or converted from it. */
  readonly back: boolean
  readonly evaluate: boolean
  /** Bytes. */
  readonly bufferSize: number
  /** ISO 8601. */
  readonly timeToLiveInTransit: string
  readonly jku: readonly string[]
  readonly owner: { readonly clientIds: readonly string[] }
  readonly accessRule: AccessRule
  readonly quotas?: { readonly caller?: Limit | undefined; readonly organisation?: Limit | undefined } | undefined
}

/** The longest life of a token in transit, in seconds: a day. */
const longestTimeToLive = 86_400

/** As far as a domain's likeness goes. */
export type Kind = Pick<DomainSettings, 'domain' | 'crv' | 'encoding' | 'back'>

/** Problem `invalid-access-rule`, `no-way-back`, `not-evaluable`, `invalid-item` unless the settings can work. */
export function checkSettings(settings: DomainSettings): Access {
  const { crv, bufferSize, back, evaluate, accessRule, domain } = settings
  if (maxValueLength(crv, bufferSize) < 1)
    throw problem('invalid-item', { detail: `bufferSize leaves no room for a value in ${curve(crv).width} bytes.` })
  timeToLive(settings)
  if (accessRule.domain !== domain) throw unusable(`The rule is for ${accessRule.domain}.`)
  for (const { operation, to, from } of accessRule.details) {
    if ((to !== undefined) !== (operation === 'convert'))
      throw unusable('`to` belongs to `convert` and to nothing else.')
    if ((from !== undefined) !== (operation === 'convertFrom'))
      throw unusable('`from` belongs to `convertFrom` and to nothing else.')
    if (to === domain || from === domain) throw unusable('A domain is not converted into itself.')
    if ((operation === 'identify' || operation === 'convert') && !back) throw noWayBack(domain)
    if (operation === 'evaluate' && !evaluate)
      throw problem('not-evaluable', { detail: `${domain} has evaluate: false.` })
  }
  return accessOf(accessRule)
}

/** In seconds. Problem `invalid-item`. */
export function timeToLive({ timeToLiveInTransit }: Pick<DomainSettings, 'timeToLiveInTransit'>): number {
  const seconds = durationOf(timeToLiveInTransit)
  if (seconds === undefined || seconds > longestTimeToLive)
    throw problem('invalid-item', { detail: 'timeToLiveInTransit is an ISO 8601 duration from PT1S to P1D.' })
  return seconds
}

/** Problem `no-way-back`, `unlike-domains` unless the first can be converted into the second. */
export function checkConversion(from: Kind, to: Kind): void {
  if (!from.back) throw noWayBack(from.domain)
  if (from.crv !== to.crv || from.encoding !== to.encoding)
    throw problem('unlike-domains', { detail: `${from.domain} and ${to.domain} differ in curve or encoding.` })
}

/** The conversions that a domain's rule names, as far as the other domain stands: each must be possible. */
export function checkCounterparts(
  settings: Kind & Pick<DomainSettings, 'accessRule'>,
  others: Iterable<Kind & Pick<DomainSettings, 'accessRule'>>,
): void {
  for (const other of others) {
    if (other.domain === settings.domain) continue
    if (names(settings, 'to', other) || names(other, 'from', settings)) checkConversion(settings, other)
    if (names(settings, 'from', other) || names(other, 'to', settings)) checkConversion(other, settings)
  }
}

function names(one: Pick<DomainSettings, 'accessRule'>, member: 'to' | 'from', other: Kind): boolean {
  return one.accessRule.details.some(detail => detail[member] === other.domain)
}

function accessOf(rule: AccessRule): Access {
  try {
    return readAccessRule(rule)
  } catch (cause) {
    if (!(cause instanceof ClaimPathError)) throw cause
    throw problem('invalid-access-rule', { detail: `In a rule, ${cause.message}.`, cause })
  }
}

function durationOf(text: string): number | undefined {
  try {
    return parseDuration(text)
  } catch (error) {
    if (error instanceof PseudonymError) return undefined
    throw error
  }
}

function unusable(detail: string): Problem {
  return problem('invalid-access-rule', { detail })
}

function noWayBack(domain: string): Problem {
  return problem('no-way-back', { detail: `Nothing can be identified in ${domain} or converted from it.` })
}
