/**
 * Everything that keeps the stand-in from starting or a client from being enrolled.
 *
 * The message says what is wrong, where, and what to run or change. It quotes no file content: a private key may
 * have been pasted into the wrong file.
 */
export class IdentityError extends Error {
  override readonly name = 'IdentityError'
  readonly code: IdentityErrorCode

  constructor(code: IdentityErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

export type IdentityErrorCode =
  | 'usage'
  | 'issuer-invalid'
  | 'signing-key-missing'
  | 'signing-key-exists'
  | 'signing-key-exposed'
  | 'signing-key-invalid'
  | 'clients-missing'
  | 'clients-invalid'
  | 'clients-busy'
  | 'client-exists'
  | 'profile-exists'
