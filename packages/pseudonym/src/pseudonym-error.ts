/** What can go wrong in this package; a closed set. No message holds a value, a point, a scalar, a key or a token. */
import { CurveError } from '@littlebox/curve'

export type PseudonymErrorCode =
  /** The value has more bytes than the domain's curve takes; the message names the limit. */
  | 'value-too-long'
  /** The value does not fit the domain's value format. */
  | 'invalid-value'
  /** What came back does not decode to a value of the domain's format. */
  | 'not-a-value'
  | 'invalid-point'
  /** One wording for every cause: expired, tampered, another domain's, unknown key (§13). */
  | 'invalid-transit-info'
  | 'invalid-at-rest'
  | 'invalid-sealed-field'
  | 'invalid-domain'
  /** No private key given opens the domain's transit keys. */
  | 'no-transit-key'
  /** The domain does not do this, whoever asks. */
  | 'not-allowed'
  /** The service said no; `problem` tells why. */
  | 'refused'
  | 'over-quota'
  /** No base URL gave an answer before the deadline. */
  | 'service-away'
  /** A request that must not be carried out twice may have been carried out, or not. */
  | 'fate-unknown'
  /** An answer that does not belong to what was sent. */
  | 'unexpected-answer'
  | 'no-token'
  | 'insecure'
  | 'aborted'

/** What the service said, reduced to what it may say: no free text. */
export interface Refusal {
  readonly status: number
  /** The end of `urn:problem-type:littlebox:<code>`, or `unknown`. */
  readonly code: string
  readonly retryAfterSeconds?: number
}

export class PseudonymError extends Error {
  override readonly name = 'PseudonymError'
  readonly code: PseudonymErrorCode
  readonly problem?: Refusal

  constructor(code: PseudonymErrorCode, message: string, more: { cause?: unknown; problem?: Refusal } = {}) {
    super(message, 'cause' in more ? { cause: more.cause } : undefined)
    this.code = code
    if (more.problem) this.problem = more.problem
  }
}

/** A curve's refusal in this package's words. */
export function fromCurveError(error: CurveError): PseudonymError {
  const { message, code } = error
  const options = { cause: error }
  if (code === 'value-too-long' || code === 'invalid-point' || code === 'not-a-value')
    return new PseudonymError(code, message, options)
  if (code === 'not-encodable' || code === 'invalid-scalar')
    return new PseudonymError('invalid-value', message, options)
  throw error
}

/** What `make` gives, or the PseudonymError it throws: for batches, where one item's failure costs the others nothing. */
export function attempt<T>(make: () => T): T | PseudonymError {
  try {
    return make()
  } catch (error) {
    if (error instanceof PseudonymError) return error
    if (error instanceof CurveError) return fromCurveError(error)
    throw error
  }
}

/** For filtering a batch: what did not fail. */
export function succeeded<T>(result: T | PseudonymError): result is Exclude<T, PseudonymError> {
  return !(result instanceof PseudonymError)
}
