// Answers one case a line: what the other evaluator decides.
import { createInterface } from 'node:readline'
import { runSimulation } from '@cloud-copilot/iam-simulate'

for await (const line of createInterface({ input: process.stdin })) {
  const { principal, action, resource, account, context, identity, boundary, policy } = JSON.parse(line)
  const named = (policies) => policies.map((policy, place) => ({ name: `p${place}`, policy }))
  const answer = await runSimulation(
    {
      request: { principal, action, resource: { resource, accountId: account }, contextVariables: context },
      identityPolicies: named(identity),
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      resourcePolicy: policy ?? undefined,
      permissionBoundaryPolicies: boundary ? named([boundary]) : undefined,
    },
    {},
  )
  const ignored = answer.result?.ignoredContextKeys ?? []
  console.log(answer.overallResult ?? JSON.stringify(answer.errors), ignored.length ? `without ${ignored}` : '')
}
