/**
 * The operations of the `file` driver. Each begins in the same way: look at the file, then ask for the key (access.ts),
 * then check the input. Secrets are used within this driver's closures; they leave them sealed, into the box's own file.
 */
import { createPublicKey } from 'node:crypto'
import { type Box, type DomainKeyMaker, type KeyDescription, maxPoints } from '../box.ts'
import { BoxError } from '../box-error.ts'
import { deriveBytes } from '../derivation.ts'
import { openEnvelope } from '../envelope.ts'
import { requireGrant } from '../grant.ts'
import { requireAlgorithm, signMessage, verifyMessage } from '../signature.ts'
import { requireTransition } from '../states.ts'
import { find, multiplyPair, requireBatch, usable, wrongPurpose } from './access.ts'
import type { FileKey } from './format.ts'
import { asKeyObject, asScalar, type Keyring } from './keyring.ts'
import { allHaveNoticed, type LiveFile } from './live.ts'
import type { Multiplier } from './multiplier.ts'
import { changedRecord, kindOf, limitsOf, type NewKey, newRecord, requireName } from './record.ts'
import { makeSecret, type Secret } from './secret.ts'

/** Points under way at once; more are refused with `busy`, not queued. */
const mostUnderWay = 20 * maxPoints
const longestChain = 8

export function fileBox(file: LiveFile<Keyring>, fileKey: FileKey, multiplier: Multiplier): Box & DomainKeyMaker {
  let underWay = 0

  return {
    async describe(key) {
      return find(await file.current(), key).description
    },

    async multiply(keys, points, times) {
      const keyring = await file.current()
      const chain = keys.slice(0, longestChain).map(key => multiplyPair(keyring, key))
      const curve = chain[0]?.point.curve
      if (curve === undefined || keys.length > longestChain || chain.some(pair => pair.point.curve !== curve))
        throw new BoxError('bad-input', `a chain has 1 to ${longestChain} keys, all of one curve`)
      requireBatch(curve, points)
      if (times && (times.length !== points.length || times.some(time => time.curve !== curve)))
        throw new BoxError('bad-input', 'one host scalar a point, on the curve of the key')
      return counted(points.length, () => multiplier.multiply(chain, points, times))
    },

    ...proofs(),

    async sign(key, algorithm, message) {
      const { description, secret } = usable(await file.current(), key, 'sign', 'protect')
      requireAlgorithm(description.algorithm, algorithm)
      return signMessage(asKeyObject(secret), algorithm, message)
    },

    async verify(key, algorithm, message, signature) {
      const { description } = find(await file.current(), key)
      if (description.purpose !== 'sign') throw wrongPurpose(description)
      requireAlgorithm(description.algorithm, algorithm)
      const publicKey = createPublicKey({ key: Buffer.from(description.spki), format: 'der', type: 'spki' })
      return { valid: verifyMessage(publicKey, algorithm, message, signature), state: description.state }
    },

    async unwrap(key, envelope) {
      const { description, secret } = usable(await file.current(), key, 'unwrap', 'process')
      if (description.algorithm !== envelope.algorithm)
        throw new BoxError('bad-input', `this key opens ${description.algorithm} only`)
      return openEnvelope(asKeyObject(secret), envelope)
    },

    async derive(key, label, context, length) {
      const { secret } = usable(await file.current(), key, 'derive', 'process')
      return deriveBytes(asKeyObject(secret), label, context, length)
    },

    async create(spec, grant) {
      requireGrant(grant)
      requireName(spec.name, spec.version)
      const kind = kindOf(spec)
      const { name, version } = spec
      const [made] = await add([{ name, version, kind, limits: limitsOf(spec), secret: await makeSecret(kind) }])
      return made!
    },

    async createDomainKey({ domain, version, curve: algorithm, back, ...limits }, grant) {
      requireGrant(grant)
      requireName(`domain/${domain}/forward`, version)
      if (back && !multiplier.invert) throw new BoxError('unsupported', 'k⁻¹ can only be made with the native engine')
      const k = asScalar(await makeSecret({ purpose: 'multiply', algorithm, direction: 'forward' }))
      const half = (direction: 'forward' | 'back', secret: Secret): NewKey => ({
        name: `domain/${domain}/${direction}`,
        version,
        kind: { purpose: 'multiply', algorithm, direction },
        limits: limitsOf(limits),
        secret,
      })
      const [forward, inverse] = await add([half('forward', k), ...(back ? [half('back', multiplier.invert!(k))] : [])])
      return inverse ? { forward: forward!, back: inverse } : { forward: forward! }
    },

    async change(key, { to }, grant) {
      requireGrant(grant)
      const keyring = await file.replace(async (now, records) => {
        const { description } = find(now, key)
        requireTransition(description.state, description, to, Date.now())
        return records.map(record => (record.id === description.id ? changedRecord(record, to) : record))
      })
      // An activation that comes late to another process harms nobody; everything else does.
      if (to !== 'active') await allHaveNoticed()
      return find(keyring, key).description
    },

    async health() {
      const status = await file.current().then(
        () => 'ready' as const,
        () => 'box-away' as const,
      )
      return { driver: 'file', status, engine: multiplier.name }
    },
  }

  function proofs(): Pick<Box, 'prove'> {
    const prove = multiplier.prove
    if (!prove) return {}
    return {
      async prove(key, blinded, evaluated) {
        const pair = multiplyPair(await file.current(), key, 'forward')
        requireBatch(pair.point.curve, blinded)
        requireBatch(pair.point.curve, evaluated)
        if (evaluated.length !== blinded.length)
          throw new BoxError('bad-input', 'a proof is about as many evaluated points as blinded ones')
        return counted(blinded.length, () => prove(pair, blinded, evaluated))
      },
    }
  }

  async function counted<T>(points: number, work: () => Promise<T>): Promise<T> {
    if (underWay + points > mostUnderWay) throw new BoxError('busy', 'too many points are under way')
    underWay += points
    try {
      return await work()
    } finally {
      underWay -= points
    }
  }

  /** All of these keys or none. BoxError `bad-input` when one has ever existed: a version is never made twice. */
  async function add(keys: readonly NewKey[]): Promise<KeyDescription[]> {
    const added = await Promise.all(keys.map(key => newRecord(fileKey, key, multiplier)))
    const keyring = await file.replace(async (now, records) => {
      for (const { name, version } of keys) {
        if (now.has(`${name}@${version}`)) throw new BoxError('bad-input', `${name}@${version} exists already`)
      }
      return [...records, ...added]
    })
    return keys.map(({ name, version }) => find(keyring, `${name}@${version}`).description)
  }
}
