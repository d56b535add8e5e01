/** The native engine against `openssl speed ecdh` (pseudonyms.md §12): one core by CPU time, two cores by wall time. */
import { availableParallelism } from 'node:os'
import { type CurveName, randomScalar } from '@littlebox/curve'
import { nativeEngine } from '@littlebox/curve/native'
import { portableEngine } from '@littlebox/curve/portable'
import { cpuRate, inTurn, opensslSpeed, report, wallRate } from './measure.ts'

const rounds = 5
const engine = await nativeEngine()
console.log(`${engine.version}, ${availableParallelism()} cores`)

const goals = [
  { curve: 'P-521', oneCore: 0.85, allCores: 1.7 },
  { curve: 'P-256', oneCore: 0.85, allCores: 1.4 },
  { curve: 'P-384', oneCore: 0.85, allCores: 1.7 },
] as const

for (const { curve, oneCore, allCores } of goals) {
  const { points, factors } = await batch(curve, 512)
  const multiply = () => engine.multiply(points, factors)
  const peer = () => opensslSpeed(curve)
  const one = await inTurn(rounds, () => cpuRate(1000, points.length, multiply), peer)
  report({ name: `curve/native/${curve}/one-core`, goal: oneCore, ...one, of: 'openssl speed' })
  const all = await inTurn(rounds, () => wallRate(1000, points.length, multiply), peer)
  report({ name: `curve/native/${curve}/all-cores`, goal: allCores, ...all, of: 'openssl speed, one core' })

  const few = await batch(curve, 16)
  const engines = await inTurn(
    3,
    () => wallRate(300, few.points.length, () => engine.multiply(few.points, few.factors)),
    () => wallRate(300, few.points.length, () => portableEngine.multiply(few.points, few.factors)),
  )
  report({ name: `curve/native-to-portable/${curve}`, goal: 1, ...engines, of: 'portable engine' })
}

async function batch(curve: CurveName, size: number) {
  const scalars = Array.from({ length: size }, () => randomScalar(curve))
  return { points: await engine.multiplyBase(scalars), factors: scalars.map(scalar => [scalar]) }
}
