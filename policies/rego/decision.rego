# The one question that Gatehouse asks: may this call run, and whom to ask first?
#
# Every rule adds to one of four sets. The strictest set that is not empty wins: denials, then approvals, then
# confirmations, then permissions. With all four empty the default below denies.
package gatehouse

default decision := {
	"effect": "deny",
	"reasons": [{"code": "no_rule_matched", "text": "No rule allows this call."}],
	"approvers": null,
}

decision := {"effect": "deny", "reasons": listed(denials), "approvers": null} if {
	count(denials) > 0
} else := {"effect": "approve", "reasons": listed(approvals | confirmations), "approvers": approvers} if {
	count(approvals) > 0
} else := {"effect": "confirm", "reasons": listed(confirmations), "approvers": null} if {
	count(confirmations) > 0
} else := {"effect": "allow", "reasons": listed(permissions), "approvers": null} if {
	count(permissions) > 0
}

listed(reasons) := [reason | some reason in reasons]
