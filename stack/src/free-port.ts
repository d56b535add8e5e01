import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

/** A port of this machine that is free now: the one wanted, or any when that is taken. */
export async function freePort(wanted = 0): Promise<number> {
  const probe = createServer()
  const outcome = Promise.race([once(probe, 'listening'), once(probe, 'error')])
  probe.listen(wanted, '127.0.0.1')
  const [error] = await outcome.catch((cause: unknown) => [cause])
  if (error) return freePort()
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}
