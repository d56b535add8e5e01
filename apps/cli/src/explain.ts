/**
 * Whatever was thrown, as something a user can act on: what happened, where, and what to do. Messages of this program and
 * its SDK hold no value of a file; those of anything else are not repeated, only named.
 */
import { PseudonymError } from '@littlebox/pseudonym'
import { CliError } from './cli-error.ts'
import { duration } from './progress.ts'
import { deadlineMs } from './session.ts'

export interface Whereabouts {
  readonly service: readonly string[]
  readonly issuer: string
}

export function explain(error: unknown, where: Whereabouts | undefined): unknown {
  if (!where || !(error instanceof PseudonymError)) return error
  const { service, issuer } = where
  const { code, message, problem } = error
  const urls = service.join(', ')
  const last = problem ? `; the last answer was ${problem.status} ${problem.code}` : ''
  const because = (cliCode: CliError['code'], text: string, advice?: string) =>
    new CliError(cliCode, text, advice, error)
  switch (code) {
    case 'service-away': {
      const seconds = Math.round(deadlineMs / 1000)
      return because(
        'service-away',
        `${urls} gave no answer for ${seconds} s${last}`,
        'Is the service up and the URL right?',
      )
    }
    case 'fate-unknown':
      return because(
        'fate-unknown',
        `${urls} did not say whether it was done${last}`,
        'It may have been. Look with `littlebox domain show NAME` before you try again.',
      )
    case 'no-token':
      return because(
        'service-away',
        `${issuer}: ${message}`,
        'Check issuer, clientId, privateKey and resource in the profile.',
      )
    case 'over-quota': {
      const seconds = problem?.retryAfterSeconds
      const when = seconds === undefined ? 'later' : `in ${duration(seconds)}`
      return because('over-quota', `${urls}: over the quota`, `Go on ${when}, or leave --no-wait out.`)
    }
    case 'refused':
      return because(
        'refused',
        `${urls} refused: ${problem?.status ?? ''} ${problem?.code ?? ''}`,
        adviceFor(problem?.status),
      )
    case 'insecure':
      return because('usage', message, 'For http without TLS on one machine there is --allow-insecure-http.')
    default:
      return because('refused', message, defaultAdvice[code])
  }
}

function adviceFor(status: number | undefined): string {
  if (status === 401) return "Check the profile's issuer and resource."
  if (status === 403) return 'The access rule does not allow this to your client: ask who administers the domain.'
  if (status === 404) return 'Check the name of the domain.'
  if (status === 409) return 'The domain exists already, or does not do this.'
  return 'See the documentation of the service, at /docs.'
}

const defaultAdvice: { readonly [code: string]: string } = {
  'no-transit-key': "Only the owner's client sees the transit keys; the profile has to name the key of its JWKS.",
  'not-allowed': 'The domain was not made for this: see `littlebox domain show`.',
  'unexpected-answer': 'Nothing of this answer was used. Tell who runs the service.',
}
