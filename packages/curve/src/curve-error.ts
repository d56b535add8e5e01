/** What can go wrong in this package; a closed set. No message contains a point, a scalar or a value. */
export type CurveErrorCode =
  | 'invalid-point'
  | 'invalid-scalar'
  | 'value-too-long'
  | 'not-a-value'
  | 'not-encodable'
  | 'identity'
  | 'curve-mismatch'
  | 'engine-unavailable'
  | 'engine-mismatch'

export class CurveError extends Error {
  override readonly name = 'CurveError'
  readonly code: CurveErrorCode

  constructor(code: CurveErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }
}

/** What `make` gives, or the CurveError it throws: for batches, where one item's failure costs the others nothing. */
export function attempt<T>(make: () => T): T | CurveError {
  try {
    return make()
  } catch (error) {
    if (error instanceof CurveError) return error
    throw error
  }
}
