/** What a replica says of itself at `/metrics`. */
import type { ServiceProcess } from '@littlebox/stack'

/** Points that the box was asked to multiply, by all of these replicas. */
export async function pointsMultiplied(replicas: readonly ServiceProcess[]): Promise<number> {
  const counts = await Promise.all(replicas.map(replica => metric(replica, 'littlebox_box_points_total')))
  return counts.reduce((sum, count) => sum + count, 0)
}

/** Megabytes (10⁶ bytes) of memory in use. */
export async function residentMegabytes(replica: ServiceProcess): Promise<number> {
  return (await metric(replica, 'process_resident_memory_bytes')) / 1e6
}

async function metric(replica: ServiceProcess, name: string): Promise<number> {
  const page = await (await fetch(`${replica.url}/metrics`)).text()
  const line = page.split('\n').find(text => text.startsWith(`${name} `))
  if (line === undefined) throw new Error(`/metrics has no ${name}`)
  return Number(line.slice(name.length))
}
