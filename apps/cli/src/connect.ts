/** From a command's options to the service: the profile, the warning, the session. */
import { allowInsecureHttp, type PseudonymService } from '@littlebox/pseudonym'
import { explain } from './explain.ts'
import { defaultProfile, type Profile, readProfile } from './profile.ts'
import type { ProfileOptions } from './profile-options.ts'
import { openSession } from './session.ts'
import { warn } from './terminal.ts'

export interface Connection {
  readonly profile: Profile
  readonly service: PseudonymService
}

export async function connect(options: ProfileOptions, batchSize = 1): Promise<Connection> {
  const profile = await readProfile(options.profile ?? process.env.LITTLEBOX_PROFILE ?? defaultProfile)
  if (options.allowInsecureHttp)
    warn('--allow-insecure-http: tokens and requests can be read and changed on their way. For one machine only.')
  const insecure = options.allowInsecureHttp ? allowInsecureHttp : undefined
  try {
    return { profile, service: await openSession(profile, { batchSize, insecure }) }
  } catch (error) {
    throw explain(error, profile)
  }
}
