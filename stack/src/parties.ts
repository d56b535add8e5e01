/** Parties of the evaluation stack, from the profiles that `Stack.enrol` writes: an SDK service, an administrator. */
import { readFile } from 'node:fs/promises'
import {
  allowInsecureHttp,
  clientCredentials,
  type DomainOwner,
  domainOwner,
  generateDpopKeys,
  type PseudonymService,
  pseudonymService,
  type ServiceSettings,
  type TokenSource,
} from '@littlebox/pseudonym'
import type { JWK } from 'jose'

interface StackProfile {
  readonly service: readonly string[]
  readonly issuer: string
  readonly resource: string
  readonly clientId: string
  readonly privateKey: JWK
  readonly owner?: { readonly privateKeys: readonly string[]; readonly atRestKeys: { readonly active: string } }
}

type Tuning = Partial<Omit<ServiceSettings, 'url' | 'token'>> & { readonly url?: ServiceSettings['url'] }

/** The SDK as a care provider's or a backend's system has it, with DPoP. */
export async function openService(profilePath: string, tuning: Tuning = {}): Promise<PseudonymService> {
  const profile = await readProfile(profilePath)
  const token = tokenSource(profile, await generateDpopKeys())
  return pseudonymService({ url: profile.service, ...tuning, token, [allowInsecureHttp]: true })
}

/** Plain bearer tokens, as eHealth's own clients send them. */
export async function bearerToken(profilePath: string): Promise<() => Promise<string>> {
  return tokenSource(await readProfile(profilePath), undefined)
}

/** A domain's owner, with the keys that its profile names. */
export async function openOwner(profilePath: string, domain: string, tuning: Tuning = {}): Promise<DomainOwner> {
  const { owner } = await readProfile(profilePath)
  if (!owner) throw new Error(`${profilePath} is no owner's profile`)
  const readJson = async (path: string) => JSON.parse(await readFile(path, 'utf8'))
  const keys = await Promise.all(owner.privateKeys.map(readJson))
  const { id, secret } = await readJson(owner.atRestKeys.active)
  return domainOwner({
    service: await openService(profilePath, tuning),
    domain,
    privateKeys: keys.map(key => ({ kid: key.kid, key })),
    atRestKeys: { active: { id, secret: new Uint8Array(Buffer.from(secret, 'base64url')) } },
  })
}

async function readProfile(path: string): Promise<StackProfile> {
  return JSON.parse(await readFile(path, 'utf8'))
}

function tokenSource(profile: StackProfile, dpop: CryptoKeyPair | undefined): TokenSource {
  const { issuer, clientId, privateKey, resource } = profile
  return clientCredentials({ issuer, clientId, privateKey, resource, [allowInsecureHttp]: true, ...(dpop && { dpop }) })
}
