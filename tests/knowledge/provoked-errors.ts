/** What is refused leaves its traces too: bodies, log lines, events. */
import { directCaller } from '../direct-caller.ts'
import { domains, type Stage } from './stage.ts'

export async function provokeErrors({ profiles }: Stage, transit: string): Promise<void> {
  const patients = `/pseudo/v1/domains/${domains.prescriptions}`
  const [care, owner] = [await directCaller(profiles['care provider']), await directCaller(profiles.owner)]
  const noPoint = { id: '1', crv: 'P-521', x: 'AA==', y: 'AA==' }
  const transitInfo = `${transit.slice(transit.indexOf(':') + 1)}x`
  const refused = [
    await care.post(`${patients}/identify`, { ...noPoint, transitInfo }),
    await care.post(`${patients}/pseudonymize`, noPoint),
    await care.post(`${patients}/convertTo/${domains.vaccines}`, { id: '1' }),
    await care.post('/pseudo/v1/domains/nobody_v1/pseudonymize', { id: '1' }),
    await care.post(`${patients}/pseudonymizeMultiple`, '{'),
    await owner.post(`${patients}/pseudonymize`, noPoint),
  ]
  for (const { status } of refused) if (status < 400) throw new Error(`${status} is no refusal`)
}
