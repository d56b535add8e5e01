/**
 * What can go wrong between a service and its PostgreSQL: a closed set.
 *
 * Messages name directories and say what to do; they hold no password and no row.
 */

export type StoreErrorCode =
  | 'misconfigured'
  | 'database-missing'
  | 'database-lost'
  | 'database-in-use'
  | 'no-place'
  | 'cannot-start'
  | 'unreachable'
  | 'migration-failed'

export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly code: StoreErrorCode

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
