/**
 * What can go wrong for a user of the command, a closed set. `message` says what happened and where, `advice` what to do.
 * Neither ever holds a value of a file, a token or a key: both are printed.
 */
export type CliErrorCode =
  | 'usage'
  | 'profile-invalid'
  | 'file-mode'
  | 'input-unreadable'
  | 'no-such-column'
  | 'record-unreadable'
  | 'output-exists'
  | 'output-changed'
  | 'output-unwritable'
  | 'output-in-use'
  | 'input-changed'
  | 'options-changed'
  | 'checkpoint-unreadable'
  | 'service-away'
  | 'fate-unknown'
  | 'over-quota'
  | 'refused'
  | 'answer-unreadable'

export class CliError extends Error {
  override readonly name = 'CliError'
  readonly code: CliErrorCode
  readonly advice: string | undefined

  constructor(code: CliErrorCode, message: string, advice?: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.advice = advice
  }
}
