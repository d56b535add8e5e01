/**
 * A box is asked, and answers with the result: a multiplied point, a signature, an opened data key. It never answers
 * with a key: no type in this file can hold private bytes on their way out. It sees points that are blinded, never an
 * identifier or a pseudonym. Every driver stands behind this interface and passes one suite (conformance.ts).
 */
import type { CurveName, Point, Proof, Scalar } from '@littlebox/curve'
import type { Envelope } from './envelope.ts'
import type { Grant } from './grant.ts'
import type { SignatureAlgorithm } from './signature.ts'
import type { Instant, KeyState, Limits } from './states.ts'

/** `name@version`, such as `domain/prescriptions_v1/forward@1`. */
export type KeyRef = `${string}@${number}`

/** The most points of one `multiply` or `prove`. */
export const maxPoints = 1000

/** One purpose a key, fixed when it is made. A multiply key's direction is `back` for the k⁻¹ of a domain. */
export type KeyKind =
  | { readonly purpose: 'multiply'; readonly algorithm: CurveName; readonly direction: 'forward' | 'back' }
  | { readonly purpose: 'sign'; readonly algorithm: SignatureAlgorithm }
  | { readonly purpose: 'unwrap'; readonly algorithm: 'ECDH-ES+A256KW' | 'RSA-OAEP-256' }
  | { readonly purpose: 'derive'; readonly algorithm: 'HMAC-SHA-256' }

/** What anyone may know of a key for ever, also when it is destroyed. */
export type KeyDescription = KeyStanding &
  (
    | (Extract<KeyKind, { purpose: 'multiply' }> & { /** kG. */ readonly point: Point })
    | (Extract<KeyKind, { purpose: 'sign' | 'unwrap' }> & {
        /** SubjectPublicKeyInfo, DER. */ readonly spki: Uint8Array
      })
    | Extract<KeyKind, { purpose: 'derive' }>
  )

export interface KeyStanding extends Limits {
  readonly key: KeyRef
  readonly name: string
  readonly version: number
  /** 16 random bytes in hex: the same in every replica of the box. */
  readonly id: string
  readonly created: Instant
  readonly state: KeyState
  readonly since: Instant
  readonly wasCompromised: boolean
}

/** A key to be made: its version must be new under its name. Forward only; a `back` comes from `createDomainKey`. */
export type KeySpec = { readonly name: string; readonly version: number } & Partial<Limits> &
  (Omit<Extract<KeyKind, { purpose: 'multiply' }>, 'direction'> | Exclude<KeyKind, { readonly purpose: 'multiply' }>)

export interface Transition {
  readonly to: Exclude<KeyState, 'pre-activation'>
}

export interface Verification {
  readonly valid: boolean
  readonly state: KeyState
}

export interface BoxHealth {
  readonly driver: string
  readonly status: 'ready' | 'box-away'
  /** What multiplies: `native` is libcrypto with all scalars folded into one; `ecdh` is about 20 times slower. */
  readonly engine: 'native' | 'ecdh'
}

/** Every operation may throw BoxError `box-away` (retry later) and, where it names a key, `no-such-key`. */
export interface Box {
  describe(key: KeyRef): Promise<KeyDescription>

  /**
   * Qᵢ = k₁·k₂·…·(timesᵢ)·Pᵢ for 1 to 1,000 points, in order: the keys in a chain, `times` one host scalar a point,
   * for drivers in process only. `forward` keys must be allowed to protect, `back` keys to process.
   * BoxError `wrong-purpose`, `wrong-state`, `bad-input` (counts, curves), `busy`, `inconsistent-answer`.
   */
  multiply(keys: readonly KeyRef[], points: readonly Point[], times?: readonly Scalar[]): Promise<Point[]>

  /**
   * That `evaluated` is `key`'s multiple of `blinded`, for anyone with its public part: RFC 9497 §2.2. Only boxes that
   * can compute with the scalar itself have it. It proves what is true: for other points the proof does not verify.
   */
  prove?(key: KeyRef, blinded: readonly Point[], evaluated: readonly Point[]): Promise<Proof>

  /** Raw r ‖ s for ES256, ES384 and ES512 (RFC 7518 §3.4), RFC 8032 for EdDSA; the message is hashed by the box. */
  sign(key: KeyRef, algorithm: SignatureAlgorithm, message: Uint8Array): Promise<Uint8Array>

  /** In every state: `valid` is about the signature alone, whether to trust the key then is the caller's policy. */
  verify(key: KeyRef, algorithm: SignatureAlgorithm, message: Uint8Array, signature: Uint8Array): Promise<Verification>

  /** The data key in the envelope; never one of the box's own. BoxError `bad-input`, one wording for all causes. */
  unwrap(key: KeyRef, envelope: Envelope): Promise<Uint8Array>

  /** 1 to 1,024 bytes by NIST SP 800-108 §4.1, counter mode, HMAC-SHA-256. `label` is ASCII without NUL. */
  derive(key: KeyRef, label: string, context: Uint8Array, length: number): Promise<Uint8Array>

  /** Generated inside, durable once it returns, in state `pre-activation`. BoxError `not-granted`, `bad-input`. */
  create(spec: KeySpec, grant: Grant): Promise<KeyDescription>

  /** Durable once it returns, and then obeyed by every process that uses this box. BoxError `wrong-state`. */
  change(key: KeyRef, transition: Transition, grant: Grant): Promise<KeyDescription>

  health(): Promise<BoxHealth>
}

export interface DomainKeySpec extends Partial<Limits> {
  readonly domain: string
  readonly version: number
  readonly curve: CurveName
  /** Also make k⁻¹, so that pseudonyms can be identified and converted from. */
  readonly back: boolean
}

export interface DomainKey {
  readonly forward: KeyDescription
  readonly back?: KeyDescription
}

/** A box that makes k and k⁻¹ of a domain inside. Boxes that can't invert get both by a ceremony instead. */
export interface DomainKeyMaker {
  /** `domain/{domain}/forward@{version}` and, when asked, `domain/{domain}/back@{version}`, in `pre-activation`. */
  createDomainKey(spec: DomainKeySpec, grant: Grant): Promise<DomainKey>
}

/** The reference of a domain's key. */
export function domainKeyRef(domain: string, direction: 'forward' | 'back', version: number): KeyRef {
  return `domain/${domain}/${direction}@${version}`
}
