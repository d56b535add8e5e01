/** What can go wrong with a box; a closed set. No message holds a key, a passphrase, a point or a digest. */
export type BoxErrorCode =
  | 'no-such-key'
  | 'wrong-purpose'
  | 'wrong-state'
  | 'bad-input'
  | 'unsupported'
  | 'busy'
  | 'box-away'
  | 'box-locked'
  | 'pin-refused'
  | 'inconsistent-answer'
  | 'not-granted'
  | 'ledger-away'
  | 'state-unknown'

export class BoxError extends Error {
  override readonly name = 'BoxError'
  readonly code: BoxErrorCode

  constructor(code: BoxErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }
}
