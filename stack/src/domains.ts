/** Domains for the evaluation stack: created through administration, with access by the roles that `enrol` gives. */
import type { PseudonymService } from '@littlebox/pseudonym'

export interface NewDomain {
  readonly domain: string
  readonly jku: string
  /** The owner's client. */
  readonly ownerClient: string
  readonly crv?: 'P-256' | 'P-384' | 'P-521'
  readonly encoding?: 'reversible' | 'hashed'
  readonly valueFormat?: 'bytes' | 'text' | 'be-nrn'
  readonly back?: boolean
  readonly evaluate?: boolean
  readonly timeToLiveInTransit?: string
  readonly convertTo?: string
  readonly convertFrom?: string
  readonly quotas?: unknown
}

/** `admin` has the role domain-admin. The role `care` may pseudonymise, identify and evaluate, `owner` may convert. */
export async function createDomain(admin: PseudonymService, domain: NewDomain): Promise<void> {
  const { jku, ownerClient, convertTo, convertFrom, ...settings } = domain
  const { status } = await admin.send({
    method: 'POST',
    path: '/pseudo/v2/domains',
    body: {
      ...settings,
      description: `${domain.domain}, for evaluation`,
      jku: [jku],
      owner: { clientIds: [ownerClient] },
      accessRule: accessRule(domain),
    },
  })
  if (status !== 201) throw new Error(`${domain.domain} was not created: the service answered ${status}`)
}

export function accessRule({ domain, back = true, evaluate = false, convertTo, convertFrom }: NewDomain) {
  const operations = ['pseudonymize', ...(back ? ['identify'] : []), ...(evaluate ? ['evaluate'] : [])]
  return {
    domain,
    type: 'custom',
    details: [
      ...operations.map(operation => ({ operation, userGroups: [withRole('care')] })),
      ...(convertTo ? [{ operation: 'convert', to: convertTo, userGroups: [withRole('owner')] }] : []),
      ...(convertFrom ? [{ operation: 'convertFrom', from: convertFrom, userGroups: [withRole('owner')] }] : []),
    ],
  }
}

function withRole(role: string) {
  return { name: role, claims: [{ path: '$.resource_access.pseudonyms.roles[*]', value: role }] }
}
