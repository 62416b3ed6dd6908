# Who is asked. The numbers come from approvals.yaml; amounts are whole cents that the gateway computed.
package gatehouse

class := data.approvals[input.tool.risk]

approvers := {"groups": class.groups, "quorum": quorum, "excludeRequester": true}

default quorum := 2

quorum := highest if {
	input.money != null
	steps := [step.quorum | some step in class.from; step.currency == input.money.currency; input.money.cents >= step.cents]
	known_currency
	highest := max(array.concat([class.quorum], steps))
}

quorum := class.quorum if {
	input.money == null
	count(class.from) == 0
}

known_currency if {
	some step in class.from
	step.currency == input.money.currency
}

known_currency if count(class.from) == 0

approvals contains {"code": "two_approvers", "text": "From this amount on, two different people have to approve."} if {
	is_known
	input.money != null
	quorum > class.quorum
	known_currency
}

approvals contains {"code": "two_approvers_currency", "text": "There is no limit set for this currency, so two people have to approve."} if {
	is_known
	input.money != null
	not known_currency
}

denials contains {"code": "nobody_to_ask", "text": "Nobody is named who could approve this. Add approvers to approvals.yaml."} if {
	approval_texts[input.tool.risk]
	not has_approvers
}

has_approvers if count(class.groups) > 0

denials contains {"code": "amount_not_positive", "text": "The amount has to be more than zero."} if {
	input.money != null
	input.money.cents <= 0
}

denials contains {"code": "amount_missing", "text": "A payment has to say its amount and currency."} if {
	input.tool.risk == "payment"
	input.money == null
}
