/**
 * Paths to claims of an access token: a closed subset of JSONPath, read by hand. eHealth writes
 * `$.resource_access.nihdi-uhmep-api.roles[*]`, whose hyphen RFC 9535 refuses; and libraries that evaluate scripts or
 * filters would let a rule's author run code here. So: `$`, `.name` (letters, digits, `_`, `-`), `['name']`, `[n]`,
 * `[*]`, and nothing else: any other path is refused when the rule is made, never when it is used.
 */

export type ClaimStep =
  | { readonly kind: 'member'; readonly name: string }
  | { readonly kind: 'element'; readonly index: number }
  | { readonly kind: 'every' }

/** A path that was read; only `parseClaimPath` makes one. */
export interface ClaimPath {
  readonly steps: readonly ClaimStep[]
  readonly [read]: true
}

declare const read: unique symbol

export class ClaimPathError extends Error {
  override readonly name = 'ClaimPathError'
  readonly code = 'invalid-claim-path'
  /** Where reading stopped, in characters. */
  readonly at: number

  constructor(at: number) {
    super(`a claim path may use $, .name, ['name'], [n] and [*]; this one does not go on at character ${at + 1}`)
    this.at = at
  }
}

/** ClaimPathError where the path leaves the subset, is longer than 256 characters or has more than 16 steps. */
export function parseClaimPath(text: string): ClaimPath {
  if (!text.startsWith('$')) throw new ClaimPathError(0)
  if (text.length > maxLength) throw new ClaimPathError(maxLength)
  const steps: ClaimStep[] = []
  let at = 1
  while (at < text.length) {
    step.lastIndex = at
    const found = step.exec(text)
    if (!found || steps.length === maxSteps) throw new ClaimPathError(at)
    const [whole, dotted, quoted, index] = found
    const name = dotted ?? quoted
    if (name !== undefined) steps.push({ kind: 'member', name })
    else steps.push(index === undefined ? { kind: 'every' } : { kind: 'element', index: Number(index) })
    at += whole.length
  }
  return { steps } as unknown as ClaimPath
}

/** The values at the path, in order; none where a step leads nowhere. Only own members count: no `__proto__`. */
export function claimsAt(path: ClaimPath, claims: unknown): unknown[] {
  let values: unknown[] = [claims]
  for (const next of path.steps) values = values.flatMap(value => follow(next, value))
  return values
}

const maxLength = 256
const maxSteps = 16

// One alternative a kind of step; the quoted name knows no escapes, so it can't hold a quote or a backslash.
const step = /\.([A-Za-z0-9_-]+)|\['([^'\\\p{Cc}]+)'\]|\[(0|[1-9][0-9]{0,8})\]|\[\*\]/uy

function follow(step: ClaimStep, value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return []
  switch (step.kind) {
    case 'member':
      return !Array.isArray(value) && Object.hasOwn(value, step.name) ? [Reflect.get(value, step.name)] : []
    case 'element':
      return Array.isArray(value) && step.index < value.length ? [value[step.index]] : []
    case 'every':
      return Array.isArray(value) ? value : Object.values(value)
  }
}
