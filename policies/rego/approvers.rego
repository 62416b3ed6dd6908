# Who is asked, and how many. The numbers come from approvals.yaml; amounts are whole cents that the gateway computed.
package gatehouse

class := data.approvals[input.tool.risk]

# What asks although its risk does not is asked of those who decide about sending out.
asked := class

asked := data.approvals.outbound if {
	not class
	not approval_texts[input.tool.risk]
}

approvers := {"groups": asked.groups, "quorum": quorum, "excludeRequester": true} if count(asked.groups) > 0

# Each of these raises the quorum; the highest counts.
quorum := max({asked.quorum} | raised)

raised contains step.quorum if some step in reached_steps

reached_steps contains step if {
	some step in asked.from[input.money.currency]
	input.money.cents >= step.cents
}

raised contains highest_step if not known_amount

highest_step := max({2} | {step.quorum | some steps in asked.from; some step in steps})

raised contains class.blast.quorum if is_blast

raised contains class.firstTime.quorum if is_first_time

# A class without steps needs none; in one with steps, an amount that none of them covers is as grave as any.
known_amount if count(asked.from) == 0

known_amount if asked.from[input.money.currency]

approvals contains {"code": "two_approvers", "text": "From this amount on, two different people have to approve."} if {
	is_gated
	some step in reached_steps
	step.quorum > asked.quorum
}

approvals contains {"code": "two_approvers_currency", "text": "There is no limit set for this currency, so two people have to approve."} if {
	is_gated
	input.money != null
	not known_amount
}

denials contains {"code": "nobody_to_ask", "text": "Nobody is named who could approve this. Add approvers to approvals.yaml."} if {
	count(approvals) > 0
	not approvers
}

denials contains {"code": "amount_not_positive", "text": "The amount has to be more than zero."} if {
	input.money != null
	input.money.cents <= 0
}

denials contains {"code": "amount_missing", "text": "A payment has to say its amount and currency."} if {
	input.tool.risk == "payment"
	input.money == null
}
