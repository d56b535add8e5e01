import { generator } from '@littlebox/curve'
import { coordinates } from '@littlebox/pseudonym'
import { it } from 'vitest'
import { setTimeout } from 'node:timers/promises'
import { directCaller } from '/work/main/tests/direct-caller.ts'
import { openScene } from '/work/main/tests/scene.ts'
it('mem', async () => {
  const scene = await openScene({ env: { LITTLEBOX_WORKING: process.env.W ?? '8', ...(process.env.NO ? {NODE_OPTIONS: process.env.NO}: {}) } })
  await scene.createDomain({ domain: 'p_v1', valueFormat: 'bytes' })
  const caller = await directCaller(scene.care)
  const item = { id: '1', ...coordinates(generator('P-521')) }
  const body = JSON.stringify({ inputs: Array.from({ length: Number(process.env.B ?? 100) }, () => item) })
  const url = scene.stack.replicas[0].url
  const show = async (t: string) => {
    const page = await (await fetch(url + '/metrics')).text()
    const g = (n: string) => Math.round(Number(page.split('\n').find(l => l.startsWith(n + ' '))!.slice(n.length)) / 1e6)
    console.log(t, 'rss', g('process_resident_memory_bytes'), 'heapTotal', g('nodejs_heap_size_total_bytes'), 'heap', g('nodejs_heap_size_used_bytes'), 'ext', g('nodejs_external_memory_bytes'), n200, n503)
  }
  let n200 = 0, n503 = 0
  await show('start')
  const until = performance.now() + 24000
  const timer = setInterval(() => void show(String(Math.round(performance.now()))), 3000)
  await Promise.all(Array.from({ length: Number(process.env.C ?? 4) }, async () => {
    while (performance.now() < until) {
      const a = await caller.post('/pseudo/v1/domains/p_v1/pseudonymizeMultiple', body, url === '' ? url : undefined)
      await a.arrayBuffer()
      if (a.status === 200) n200++; else { n503++; await setTimeout(25) }
    }
  }))
  clearInterval(timer)
  await setTimeout(3000)
  await show('idle')
  await scene.close()
}, 60000)
