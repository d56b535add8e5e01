/**
 * Who may do what in a domain (pseudonyms.md §5, §7): eHealth's access rules, by operation groups of claims over the
 * caller's access token. No rule, no access. A group holds when all its claims do; one group is enough. A conversion
 * needs two rules, one of each owner: `convert` (with `to`) in the domain it starts from, and `convertFrom` (with
 * `from`) in the domain it ends in. What the rules do not do: they judge the token's word, so they are as good as the
 * issuer.
 */
import { type ClaimPath, claimsAt, parseClaimPath } from './claim-path.ts'

export interface AccessRule {
  readonly domain: string
  readonly type: 'custom'
  readonly details: readonly AccessDetail[]
}

export type RuledOperation = 'pseudonymize' | 'identify' | 'convert' | 'convertFrom' | 'evaluate'

export interface AccessDetail {
  readonly operation: RuledOperation
  /** Only with `convert`: the domain converted to. */
  readonly to?: string | undefined
  /** Only with `convertFrom`: the domain converted from. */
  readonly from?: string | undefined
  readonly userGroups: readonly UserGroup[]
}

export interface UserGroup {
  readonly name: string
  readonly description?: string | undefined
  readonly claims: readonly { readonly path: string; readonly value: ClaimValue }[]
}

export type ClaimValue = string | number | boolean

/** What a caller wants in one domain. */
export type Wish =
  | { readonly operation: 'pseudonymize' | 'identify' | 'evaluate' }
  | { readonly operation: 'convert'; readonly to: string }
  | { readonly operation: 'convertFrom'; readonly from: string }

/** An access rule that was read, its paths parsed. */
export interface Access {
  readonly allows: (wish: Wish, claims: unknown) => boolean
}

/** ClaimPathError where a path leaves the subset. */
export function readAccessRule(rule: AccessRule): Access {
  const groups = new Map<string, CompiledGroup[]>()
  for (const { operation, to, from, userGroups } of rule.details) {
    const key = keyOf(operation, to ?? from)
    const compiled = userGroups.map(group =>
      group.claims.map(({ path, value }) => ({ path: parseClaimPath(path), value })),
    )
    groups.set(key, [...(groups.get(key) ?? []), ...compiled])
  }
  return {
    allows: (wish, claims) => {
      const counterpart =
        wish.operation === 'convert' ? wish.to : wish.operation === 'convertFrom' ? wish.from : undefined
      return groups.get(keyOf(wish.operation, counterpart))?.some(group => holds(group, claims)) ?? false
    },
  }
}

type CompiledGroup = readonly { readonly path: ClaimPath; readonly value: ClaimValue }[]

/** An empty group holds for nobody, though the contract refuses it already. */
function holds(group: CompiledGroup, claims: unknown): boolean {
  return group.length > 0 && group.every(({ path, value }) => claimsAt(path, claims).includes(value))
}

function keyOf(operation: RuledOperation, counterpart: string | undefined): string {
  return counterpart === undefined ? operation : `${operation} ${counterpart}`
}
