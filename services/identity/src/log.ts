/**
 * What the stand-in writes down: that a token was given or refused, to which client, and why not.
 *
 * Never a token, an assertion, a proof or a key. Reasons are codes from a fixed list: oidc-provider's own texts may
 * quote what a caller sent. A caller is named only when it is enrolled.
 */
import type { EventEmitter } from 'node:events'
import type { Logger } from '@littlebox/kit/telemetry'
import type Provider from 'oidc-provider'
import type { KoaContextWithOIDC } from 'oidc-provider'
import { IdentityError } from './identity-error.ts'

export function logEvents(provider: Provider, log: Logger): void {
  provider.on('grant.success', context => log.info('token issued', { ...who(context), outcome: 'issued' }))
  provider.on('grant.error', (context, error) => {
    log.warn('token refused', { ...who(context), outcome: 'refused', code: reason(error) })
  })
  provider.on('server_error', (context, error) => {
    log.error('request failed', { ...who(context), outcome: 'failed', code: reason(error), error })
  })
  // Koa writes errors nobody listens to, stack and all, to standard error. Its types name no such event.
  const koa: EventEmitter = provider
  koa.on('error', error => log.error('request failed', { outcome: 'failed', code: reason(error), error }))
}

function who(context: KoaContextWithOIDC): { caller?: string } {
  const { client } = context.oidc
  return client === undefined ? {} : { caller: client.clientId }
}

/** oidc-provider's fixed texts, and the codes for them. */
const codes: ReadonlyMap<string, string> = new Map([
  ['client not found', 'unknown-client'],
  ['client assertion tokens must only be used once', 'assertion-replayed'],
  ['DPoP proof JWT Replay detected', 'proof-replayed'],
  ['DPoP proof JWT not provided', 'proof-missing'],
  ['alg mismatch', 'assertion-algorithm'],
  ['audience (aud) must equal the endpoint url, issuer identifier or token endpoint url', 'assertion-audience'],
  ['the assertion lives too long', 'assertion-lifetime'],
  ['jwt expired', 'assertion-expired'],
  ['signature verification failed', 'assertion-signature'],
  ['no applicable key found in the JSON Web Key Set', 'assertion-key'],
])

function reason(error: unknown): string {
  if (error instanceof IdentityError) return error.code
  if (!(error instanceof Error)) return 'unknown'
  const detail = 'error_detail' in error && typeof error.error_detail === 'string' ? error.error_detail : ''
  const code = 'error' in error && typeof error.error === 'string' ? error.error : error.name
  return codes.get(detail) ?? code.replaceAll('_', '-')
}
