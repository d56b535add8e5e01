/**
 * The way to the service that a profile describes: tokens by private_key_jwt, bound by DPoP to a key that lives as long as
 * this process. The service and the issuer learn who calls and when.
 */
import {
  allowInsecureHttp,
  clientCredentials,
  generateDpopKeys,
  type PseudonymService,
  pseudonymService,
} from '@littlebox/pseudonym'
import type { Profile } from './profile.ts'

export interface SessionSettings {
  /** Rows in one request. */
  readonly batchSize: number
  /** Given for http without TLS: the flag, never the profile. */
  readonly insecure: typeof allowInsecureHttp | undefined
}

export async function openSession(
  profile: Profile,
  { batchSize, insecure }: SessionSettings,
): Promise<PseudonymService> {
  const dpop = await generateDpopKeys()
  const unsafe = insecure ? { [allowInsecureHttp]: true as const } : {}
  const { issuer, clientId, privateKey, resource, service } = profile
  const token = clientCredentials({ issuer, clientId, privateKey, resource, dpop, ...unsafe })
  return pseudonymService({ url: service, token, batchSize, concurrency: 1, deadline: deadlineMs, ...unsafe })
}

/** How long one request is tried before the service counts as away, in ms. */
export const deadlineMs = 60_000
