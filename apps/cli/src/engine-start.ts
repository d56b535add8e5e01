/**
 * Starts the threads of the curve engine before they are needed: they load while the profile is read and the service is
 * asked for a token and the domain.
 */
import { availableParallelism } from 'node:os'
import { engine, randomScalar } from '@littlebox/curve'

export async function startEngine(): Promise<void> {
  const { name, multiplyBase } = await engine()
  if (name !== 'native') return
  // A thread is started for each job that finds the others busy.
  for (let i = 0; i < availableParallelism(); i++)
    multiplyBase([randomScalar('P-256')]).catch(() => {
      // The first batch meets the same failure, and tells of it.
    })
}
