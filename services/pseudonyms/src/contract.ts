/**
 * The service's HTTP contract (pseudonyms.md §5, §6), served as OpenAPI 3.1. The wire keeps eHealth's spelling. Bodies of
 * administration are parsed by these schemas; of items only the envelope is, since a schema for each item of a large
 * batch costs more than reading it by hand (items.ts), and a bad item must not cost the others.
 */
import { createRoute, z } from '@hono/zod-openapi'

const domainName = z
  .string()
  .regex(/^[a-z][a-z0-9_-]{0,63}$/, 'a small letter, then small letters, digits, _ and -, at most 64')
  // What the journal takes for a person's number or a key could not be recorded.
  .refine(name => !/\d(-?\d){8}|[0-9a-f]{32}/.test(name), 'no nine digits, no 32 hexadecimal digits in a row')
const curveName = z.enum(['P-256', 'P-384', 'P-521'])
const encoding = z.enum(['reversible', 'hashed'])
const valueFormat = z.enum(['bytes', 'text', 'be-nrn'])
const shortText = z.string().min(1).max(200)

export const itemSchema = z
  .object({
    id: z.string().min(1).max(128),
    crv: curveName,
    x: z.string().meta({ description: 'base64, the curve’s full width' }),
    y: z.string(),
    transitInfo: z.string().optional(),
  })
  .openapi('Item')

export const outputSchema = z
  .object({
    id: z.string(),
    domain: z.string(),
    crv: curveName,
    iat: z.int(),
    exp: z.int(),
    x: z.string(),
    y: z.string(),
    transitInfo: z.string().optional(),
    inResponseTo: z.string(),
  })
  .openapi('Output')

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    inResponseTo: z.string().optional(),
  })
  .openapi('Problem')

const limit = z.strictObject({
  burst: z
    .int()
    .min(1)
    .max(1_000_000_000)
    .meta({ description: 'points at once; the bucket fills again within a minute' }),
  perDay: z.int().min(1).max(1_000_000_000_000).meta({ description: 'points a UTC day' }),
})

export const quotasSchema = z
  .strictObject({ caller: limit.optional(), organisation: limit.optional() })
  .openapi('Quotas')

const claim = z.strictObject({ path: z.string(), value: z.union([z.string().max(256), z.number(), z.boolean()]) })
const userGroup = z.strictObject({
  name: shortText,
  description: z.string().max(500).optional(),
  claims: z.array(claim).min(1).max(16),
})

export const accessRuleSchema = z
  .strictObject({
    domain: domainName,
    type: z.literal('custom'),
    details: z
      .array(
        z.strictObject({
          operation: z.enum(['pseudonymize', 'identify', 'convert', 'convertFrom', 'evaluate']),
          to: domainName.optional(),
          from: domainName.optional(),
          userGroups: z.array(userGroup).max(64),
        }),
      )
      .max(256),
  })
  .openapi('AccessRule')

export const newDomainSchema = z
  .strictObject({
    domain: domainName,
    description: z.string().max(500),
    crv: curveName.default('P-521'),
    encoding: encoding.default('reversible'),
    valueFormat: valueFormat.default('be-nrn'),
    back: z.boolean().default(true),
    evaluate: z.boolean().default(false),
    bufferSize: z.int().min(1).max(16).default(8),
    timeToLiveInTransit: z.string().max(32).default('PT10M'),
    jku: z.array(z.url().max(500)).min(1).max(8),
    owner: z.strictObject({ clientIds: z.array(z.string().min(1).max(128)).min(1).max(64) }),
    accessRule: accessRuleSchema,
    quotas: quotasSchema.optional(),
  })
  .openapi('NewDomain')

export const descriptionSchema = newDomainSchema
  .extend({
    state: z.enum(['active', 'retired']),
    organisation: z.string(),
    audience: z.string(),
    publicKey: z.string().meta({ description: 'K = kG, compressed SEC 1, base64url' }),
    transitKeys: z.array(
      z.object({
        kid: z.string(),
        active: z.boolean(),
        createdAt: z.iso.datetime(),
        retiresAt: z.iso.datetime().optional(),
      }),
    ),
    createdAt: z.iso.datetime(),
  })
  .openapi('DomainDescription')

export const evaluationSchema = z
  .object({ blinded: z.array(z.string()).min(1).meta({ description: 'RFC 9497 SerializeElement, base64url' }) })
  .openapi('Evaluation')

const documentSchema = z
  .object({
    domain: z.string(),
    desc: z.string(),
    crv: curveName,
    audience: z.string(),
    bufferSize: z.int(),
    timeToLiveInTransit: z.string(),
    jku: z.array(z.string()),
    secretKeys: z.array(z.object({ kid: z.string(), active: z.boolean(), encoded: z.looseObject({}) })),
    accessRule: accessRuleSchema,
    littlebox: z.object({
      encoding,
      valueFormat,
      back: z.boolean(),
      evaluate: z.boolean(),
      publicKey: z.string().optional(),
    }),
  })
  .openapi('DomainDocument')

const evaluatedSchema = z
  .object({
    evaluated: z.array(z.string()),
    mode: z.enum(['voprf', 'oprf']),
    proof: z.string().optional().meta({ description: 'c ‖ s of RFC 9497 §2.2, base64url' }),
    publicKey: z.string().optional(),
  })
  .openapi('Evaluated')

const inDomain = z.object({ domain: z.string() })
const fromTo = z.object({ from: z.string(), to: z.string() })
const batch = z.object({ inputs: z.array(itemSchema).min(1) }).openapi('Batch')
const batchAnswer = z.object({ outputs: z.array(z.union([outputSchema, problemSchema])) }).openapi('BatchAnswer')

const json = <Schema extends z.ZodType>(schema: Schema) => ({ content: { 'application/json': { schema } } })
const answers = <Schema extends z.ZodType>(schema: Schema, status = 200) => ({
  [status]: { description: 'Done', ...json(schema) },
  default: { description: 'Why not (RFC 9457)', content: { 'application/problem+json': { schema: problemSchema } } },
})
const v1 = '/pseudo/v1/domains' as const
const v2 = '/pseudo/v2/domains' as const
const security = [{ accessToken: [] }]

export const getDocument = createRoute({
  method: 'get',
  path: `${v1}/{domain}`,
  summary: 'The domain document; secretKeys for the owner’s own clients only',
  tags: ['domains'],
  security,
  request: { params: inDomain },
  responses: answers(documentSchema),
})

const item = { body: { required: true, ...json(itemSchema) } }
const items = { body: { required: true, ...json(batch) } }

export const pseudonymize = createRoute({
  method: 'post',
  path: `${v1}/{domain}/pseudonymize`,
  summary: 'A blinded value to a blinded pseudonym in transit',
  tags: ['pseudonyms'],
  security,
  request: { params: inDomain, ...item },
  responses: answers(outputSchema),
})

export const pseudonymizeMultiple = createRoute({
  ...pseudonymize,
  path: `${v1}/{domain}/pseudonymizeMultiple`,
  summary: 'The same for many; a failed item is a problem at its index',
  request: { params: inDomain, ...items },
  responses: answers(batchAnswer),
})

export const identify = createRoute({
  ...pseudonymize,
  path: `${v1}/{domain}/identify`,
  summary: 'A blinded pseudonym in transit back to the blinded value',
})

export const identifyMultiple = createRoute({
  ...pseudonymizeMultiple,
  path: `${v1}/{domain}/identifyMultiple`,
})

export const convertTo = createRoute({
  ...pseudonymize,
  path: `${v1}/{from}/convertTo/{to}`,
  summary: 'A blinded pseudonym of one domain to another’s; without transitInfo at rest, for the owner only',
  request: { params: fromTo, ...item },
})

export const convertMultipleTo = createRoute({
  ...pseudonymizeMultiple,
  path: `${v1}/{from}/convertMultipleTo/{to}`,
  request: { params: fromTo, ...items },
})

export const evaluate = createRoute({
  method: 'post',
  path: `${v2}/{domain}/evaluate`,
  summary: 'RFC 9497: where the domain allows it, the caller itself gets the pseudonym',
  tags: ['pseudonyms'],
  security,
  request: { params: inDomain, body: { required: true, ...json(evaluationSchema) } },
  responses: answers(evaluatedSchema),
})

export const createDomain = createRoute({
  method: 'post',
  path: v2,
  summary: 'Create a domain, its keys in the box and its first transit key',
  tags: ['administration'],
  security,
  request: { body: { required: true, ...json(newDomainSchema) } },
  responses: answers(descriptionSchema, 201),
})

export const listDomains = createRoute({
  method: 'get',
  path: v2,
  summary: 'The domains of the caller’s organisation',
  tags: ['administration'],
  security,
  responses: answers(z.object({ domains: z.array(descriptionSchema) })),
})

export const describeDomain = createRoute({
  ...listDomains,
  path: `${v2}/{domain}`,
  summary: 'One domain of the caller’s organisation',
  request: { params: inDomain },
  responses: answers(descriptionSchema),
})

export const rotateTransitKey = createRoute({
  ...describeDomain,
  method: 'post',
  path: `${v2}/{domain}/rotate`,
  summary: 'Make a new transit key and use it at once; the old one opens until its last token has expired',
  responses: answers(z.object({ kid: z.string() })),
})

export const retireDomain = createRoute({
  ...describeDomain,
  method: 'post',
  path: `${v2}/{domain}/retire`,
  summary: 'Stop all operations in the domain, for good',
})

export const putAccessRule = createRoute({
  ...describeDomain,
  method: 'put',
  path: `${v2}/{domain}/access-rule`,
  summary: 'Replace the access rule',
  request: { params: inDomain, body: { required: true, ...json(accessRuleSchema) } },
})

export const putQuotas = createRoute({
  ...describeDomain,
  method: 'put',
  path: `${v2}/{domain}/quotas`,
  summary: 'Replace the quotas; what is left out falls to the service’s own',
  request: { params: inDomain, body: { required: true, ...json(quotasSchema) } },
})
