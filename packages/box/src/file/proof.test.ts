import { existsSync, readFileSync } from 'node:fs'
import { type CurveName, parsePoint, parseScalar, serializeProof } from '@littlebox/curve'
import { nativeEngine } from '@littlebox/curve/native'
import { describe, expect, it } from 'vitest'
import { generateProof } from './proof.ts'

const engine = await nativeEngine()
const curves: Readonly<Record<string, CurveName>> = {
  'P256-SHA256': 'P-256',
  'P384-SHA384': 'P-384',
  'P521-SHA512': 'P-521',
}

interface Fact {
  readonly suite: string
  readonly skS: string
  readonly pkS: string
  readonly blinded: string
  readonly evaluated: string
  readonly r: string
  readonly proof: string
}

/** RFC 9497 Appendix A.3.2.3: P256-SHA256, verifiable, a batch of two. */
const appendix: Fact = {
  suite: 'P256-SHA256',
  skS: 'ca5d94c8807817669a51b196c34c1b7f8442fde4334a7121ae4736364312fca6',
  pkS: '03e17e70604bcabe198882c0a1f27a92441e774224ed9c702e51dd17038b102462',
  blinded:
    '02dd05901038bb31a6fae01828fd8d0e49e35a486b5c5d4b4994013648c01277da,03462e9ae64cae5b83ba98a6b360d942266389ac369b923eb3d557213b1922f8ab',
  evaluated:
    '0209f33cab60cf8fe69239b0afbcfcd261af4c1c5632624f2e9ba29b90ae83e4a2,02bb24f4d838414aef052a8f044a6771230ca69c0a5677540fff738dd31bb69771',
  r: '350e8040f828bf6ceca27405420cdf3d63cb3aef005f40ba51943c8026877963',
  proof:
    'bdcc351707d02a72ce49511c7db990566d29d6153ad6f8982fad2b435d6ce4d60da1e6b3fa740811bde34dd4fe0aa1b5fe6600d0440c9ddee95ea7fad7a60cf2',
}

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'))

async function check({ suite, skS, pkS, blinded, evaluated, r, proof }: Fact): Promise<void> {
  const name = curves[suite]!
  const points = (hexes: string) => hexes.split(',').map(hex => parsePoint(name, bytes(hex)))
  const pair = { scalar: parseScalar(name, bytes(skS)), point: parsePoint(name, bytes(pkS)) }
  const made = await generateProof(engine, pair, points(blinded), points(evaluated), () => bytes(r))
  expect(Buffer.from(serializeProof(made)).toString('hex')).toBe(proof)
}

describe('RFC 9497 §2.2.1, GenerateProof', () => {
  it('Appendix A.3.2, batch of two', () => check(appendix))

  const file = new URL('../../../../../shared/vectors/rfc9497/allVectors.json', import.meta.url)
  if (existsSync(file)) {
    const facts = published(JSON.parse(readFileSync(file, 'utf8')) as Group[])
    it('the authors’ file: nine proofs on three curves', async () => {
      expect(facts).toHaveLength(9)
      for (const fact of facts) await check(fact)
    })
  } else {
    it('the authors’ file is not here: P-384 and P-521 stay with the conformance suite', () =>
      expect(existsSync(file)).toBe(false))
  }
})

interface Group {
  readonly identifier: string
  readonly mode: number
  readonly skSm: string
  readonly pkSm: string
  readonly vectors: readonly {
    readonly BlindedElement: string
    readonly EvaluationElement: string
    readonly Proof: { readonly proof: string; readonly r: string }
  }[]
}

function published(groups: readonly Group[]): Fact[] {
  return groups
    .filter(({ identifier, mode }) => identifier in curves && mode === 1)
    .flatMap(({ identifier, skSm, pkSm, vectors }) =>
      vectors.map(({ BlindedElement, EvaluationElement, Proof }) => ({
        suite: identifier,
        skS: skSm,
        pkS: pkSm,
        blinded: BlindedElement,
        evaluated: EvaluationElement,
        ...Proof,
      })),
    )
}
