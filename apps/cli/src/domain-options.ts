/** What the options of `littlebox domain create` say. */
import type { ProfileOptions } from './profile-options.ts'

export interface DomainOptions extends ProfileOptions {
  readonly description: string
  readonly curve: 'P-256' | 'P-384' | 'P-521'
  readonly encoding: 'reversible' | 'hashed'
  readonly valueFormat: 'bytes' | 'text' | 'be-nrn'
  readonly back: boolean
  readonly evaluate?: boolean
  readonly bufferSize: number
  readonly timeToLive: string
  readonly jku: readonly string[]
  readonly ownerClient: readonly string[]
  readonly accessRule: string
  readonly quotas?: string
}
