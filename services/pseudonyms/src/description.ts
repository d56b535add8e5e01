/**
 * What a domain says of itself: the domain document for everybody (eHealth's members and ours, pseudonyms.md §5), in which
 * only the owner's own clients find transit keys, sealed to the owner; and the description for its administrators.
 */
import type { DomainDocument } from '@littlebox/pseudonym'
import type { Domain } from './directory.ts'
import { activeKey, retirement } from './transit-keys.ts'

/** `verifiable`: whether the box proves what it evaluates. `now` is in ms since 1970, here and below. */
export function documentOf(domain: Domain, forOwner: boolean, verifiable: boolean, now: number): DomainDocument {
  const { settings, audience } = domain
  const { encoding, valueFormat, back, evaluate } = settings
  const ours = { encoding, valueFormat, back, evaluate }
  const active = activeKey(domain.transitKeys, now)
  const sealed = openKeys(domain, now).map(({ kid, encoded }) => ({ kid, active: kid === active?.kid, encoded }))
  return {
    domain: domain.name,
    desc: settings.description,
    crv: domain.curve,
    audience,
    bufferSize: settings.bufferSize,
    timeToLiveInTransit: settings.timeToLiveInTransit,
    jku: settings.jku,
    secretKeys: forOwner ? sealed : [],
    accessRule: settings.accessRule,
    littlebox: evaluate && verifiable ? { ...ours, publicKey: publicKeyOf(domain) } : ours,
  }
}

export function descriptionOf(domain: Domain, now: number) {
  const { settings, state, organisation, audience, createdAt } = domain
  const active = activeKey(domain.transitKeys, now)
  return {
    ...settings,
    state: state === 'retired' ? 'retired' : 'active',
    organisation,
    audience,
    publicKey: publicKeyOf(domain),
    transitKeys: openKeys(domain, now).map(key => {
      const retiresAt = retirement(domain, key)
      return {
        kid: key.kid,
        active: key.kid === active?.kid,
        createdAt: key.createdAt.toISOString(),
        ...(retiresAt === undefined ? {} : { retiresAt: new Date(retiresAt).toISOString() }),
      }
    }),
    createdAt: createdAt.toISOString(),
  }
}

function openKeys(domain: Domain, now: number) {
  return domain.transitKeys.filter(key => now < (retirement(domain, key) ?? Number.POSITIVE_INFINITY))
}

function publicKeyOf({ publicKey }: Domain): string {
  return Buffer.from(publicKey!).toString('base64url')
}
