/** The SDK against the honest service of a test. */
import { expect } from 'vitest'
import {
  allowInsecureHttp,
  type PseudonymService,
  plainBearer,
  pseudonymService,
  type ServiceSettings,
} from '../index.ts'

export function settingsFor(service: { readonly url: string }): ServiceSettings {
  return {
    url: service.url,
    token: async () => 'a-token',
    deadline: 5_000,
    [plainBearer]: true,
    [allowInsecureHttp]: true,
  }
}

export function openerFor(service: { readonly url: string }): (more?: Partial<ServiceSettings>) => PseudonymService {
  return (more = {}) => pseudonymService({ ...settingsFor(service), ...more })
}

export function refuses(code: string): unknown {
  return expect.objectContaining({ name: 'PseudonymError', code })
}
