import { describe, expect, it } from 'vitest'
import { type AccessDetail, readAccessRule } from './access.ts'
import { ClaimPathError } from './claim-path.ts'

const rule = (...details: AccessDetail[]) => readAccessRule({ domain: 'prescriptions_v1', type: 'custom', details })
const group = (...claims: [path: string, value: string | number | boolean][]) => ({
  name: 'group',
  claims: claims.map(([path, value]) => ({ path, value })),
})
const doctor = { organisation: 'hospital-a', resource_access: { 'nihdi-uhmep-api': { roles: ['doctor', 'nurse'] } } }
const roles = '$.resource_access.nihdi-uhmep-api.roles[*]'

describe('access rules (pseudonyms.md §7)', () => {
  it('no rule, no access', () => {
    expect(rule().allows({ operation: 'pseudonymize' }, doctor)).toBe(false)
    const access = rule({ operation: 'identify', userGroups: [group([roles, 'doctor'])] })
    expect(access.allows({ operation: 'pseudonymize' }, doctor)).toBe(false)
    expect(access.allows({ operation: 'identify' }, doctor)).toBe(true)
  })

  it('one group is enough, and needs all its claims', () => {
    const access = rule({
      operation: 'identify',
      userGroups: [group([roles, 'pharmacist']), group([roles, 'doctor'], ['$.organisation', 'hospital-a'])],
    })
    expect(access.allows({ operation: 'identify' }, doctor)).toBe(true)
    expect(access.allows({ operation: 'identify' }, { ...doctor, organisation: 'hospital-b' })).toBe(false)
  })

  it('nobody is in a group without claims, or in a list without groups', () => {
    expect(rule({ operation: 'identify', userGroups: [group()] }).allows({ operation: 'identify' }, doctor)).toBe(false)
    expect(rule({ operation: 'identify', userGroups: [] }).allows({ operation: 'identify' }, doctor)).toBe(false)
  })

  it('compares values as they are: no text for a number, no prefix, no case', () => {
    const access = rule({ operation: 'identify', userGroups: [group(['$.level', 3])] })
    expect(access.allows({ operation: 'identify' }, { level: 3 })).toBe(true)
    for (const level of ['3', [3], { 3: 3 }, true, null])
      expect(access.allows({ operation: 'identify' }, { level })).toBe(false)
  })

  it('conversions name the other domain, on both sides', () => {
    const access = rule(
      { operation: 'convert', to: 'vaccines_v1', userGroups: [group([roles, 'doctor'])] },
      { operation: 'convertFrom', from: 'registry_v1', userGroups: [group([roles, 'doctor'])] },
    )
    expect(access.allows({ operation: 'convert', to: 'vaccines_v1' }, doctor)).toBe(true)
    expect(access.allows({ operation: 'convert', to: 'registry_v1' }, doctor)).toBe(false)
    expect(access.allows({ operation: 'convertFrom', from: 'registry_v1' }, doctor)).toBe(true)
    expect(access.allows({ operation: 'convertFrom', from: 'vaccines_v1' }, doctor)).toBe(false)
  })

  it('a path outside the subset is refused when the rule is made: invalid-claim-path', () => {
    expect(() => rule({ operation: 'identify', userGroups: [group(['$..roles[?(@)]', 'doctor'])] })).toThrow(
      ClaimPathError,
    )
  })
})
